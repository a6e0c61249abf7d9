"""Launch files without ROS 2: the XML launch format, evaluated and run by plain Python.

`make_plan` turns a file and its arguments into a `LaunchPlan`; `run_plan` starts what the plan names and supervises it
until everything has ended.
"""
