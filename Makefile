# The two commands of the README are `make demo` and `make test`; each sets up what it needs.
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_EXTRAS := sim,runtime,console
TEST_EXTRAS := sim,runtime,console,models,serve,franka,realsense,test
SEED ?= 0
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test test-browser lint types docs clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: ## Install what the demo needs
	@tools/setup.sh $(VENV) $(DEMO_EXTRAS)

setup-test: ## Install what the tests need
	@tools/setup.sh $(VENV) $(TEST_EXTRAS)

demo: setup ## Simulated FR3: "put the red block in the bowl"
	@$(BIN)/molmo-ros demo --seed $(SEED)

test: setup-test ## Run all tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-browser: setup-test ## Drive the console in a real headless browser; screenshots go to MOLMO_ROS_ARTEFACTS
	@tools/browser.sh $(VENV) $(PYTEST_ARGS)

lint: setup-test ## ruff: style and mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup-test ## mypy --strict
	@$(BIN)/mypy

docs: setup-test ## Check that the generated reference pages are current and every link leads somewhere
	@$(BIN)/python tools/check_docs.py

clean: ## Remove the virtual environment and what runs left behind
	rm -rf $(VENV) runs build install log
