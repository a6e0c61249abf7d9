"""MolmoAct2 gives the numbers of the published implementation: VLM, cache, flow, Think, whole predictions."""

from __future__ import annotations

import functools
import time

import golden
import pytest
import torch

from molmo_ros.models.images import CropRule, join, prepare
from molmo_ros.models.molmo2.vlm import VlmInputs
from molmo_ros.models.molmoact2.context import depth_mask, encoder_mask
from molmo_ros.models.molmoact2.depth import DepthMemory, changed_cells, spans
from molmo_ros.models.molmoact2.flow import FlowTrace, pad_context
from molmo_ros.models.molmoact2.model import load_molmoact2
from molmo_ros.models.molmoact2.prompt import clean_task, robot_prompt, state_text
from molmo_ros.models.molmoact2.rtc import Guidance
from molmo_ros.models.molmoact2.stats import choose_tag, load_tags
from molmo_ros.models.weights import open_checkpoint

PART = "molmoact2"
LOGITS, KV, FLOW = 1e-4, 1e-5, 1e-4
CHECKPOINTS = golden.folders(PART)


@functools.lru_cache(maxsize=4)
def model_of(name, dtype=torch.float32):
    return load_molmoact2(open_checkpoint(golden.ROOT / PART / name), dtype=dtype)


@functools.lru_cache(maxsize=2)
def tensors_of(name):
    return golden.load_tensors(PART, name, "vectors.safetensors")


def named(suffix):
    return [
        (name, case) for name in CHECKPOINTS for case in golden.cases(PART, name, "vectors.safetensors", suffix=suffix)
    ]


def absolute_pooling(tensors, case):
    """The published processor numbers the patches of each image from 0; the VLM wants them over all images."""
    pooling, grids = tensors[f"{case}.image_token_pooling"].long(), tensors[f"{case}.image_grids"].long()
    crops = tensors[f"{case}.image_num_crops"].long()
    offsets = (crops.cumsum(0) - crops) * tensors[f"{case}.pixel_values"].shape[-2]
    counts = grids[:, 0] * grids[:, 1] + grids[:, 2] * grids[:, 3]
    return torch.where(pooling >= 0, pooling + torch.repeat_interleave(offsets, counts)[:, None], -1)


def inputs_of(tensors, case, dtype=torch.float32):
    pick = lambda key: tensors.get(f"{case}.{key}")  # noqa: E731
    mask, pixels = pick("attention_mask"), pick("pixel_values")
    return VlmInputs(
        input_ids=pick("input_ids").long(),
        token_types=pick("token_type_ids").long(),
        attention_mask=None if mask is None or bool(mask.all()) else mask.long(),
        pixel_values=None if pixels is None else pixels.to(dtype),
        pooling=None if pixels is None else absolute_pooling(tensors, case),
        grids=None if pixels is None else pick("image_grids").long(),
    )


def all_logits(model, inputs):
    with torch.inference_mode():
        return model.vlm.native(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask,
            mm_token_type_ids=inputs.token_types,
            pixel_values=inputs.pixel_values,
            image_token_pooling=inputs.pooling,
            image_grids=inputs.grids,
        ).logits


@pytest.mark.parametrize(("name", "case"), named("logits"))
def test_logits_match(name, case):
    tensors = tensors_of(name)
    kept = tensors[f"{case}.attention_mask"].bool()

    def run(dtype):
        return all_logits(model_of(name, dtype), inputs_of(tensors, case, dtype))[kept]

    allowed = golden.slack(LOGITS, golden.rounding(run))
    golden.check(f"{PART}/{name} logits", run(torch.float32), tensors[f"{case}.logits"][kept], allowed)


@pytest.mark.parametrize(("name", "case"), named("kv_k.0"))
def test_cache_matches(name, case):
    tensors = tensors_of(name)

    def states(dtype):
        model = model_of(name, dtype)
        return model.states(model.vlm.prefill(inputs_of(tensors, case, dtype)))

    single, double = states(torch.float32), states(torch.float64)
    for layer, ((key, value), (key64, value64)) in enumerate(zip(single, double, strict=True)):
        for kind, mine, exact in (("k", key, key64), ("v", value, value64)):
            expected = tensors[f"{case}.kv_{kind}.{layer}"]
            allowed = golden.slack(KV, float((mine - exact).abs().max()), expected)
            golden.check(f"{PART}/{name} KV", mine, expected, allowed)


@pytest.mark.parametrize(("name", "case"), named("encoder_mask"))
def test_the_expert_sees_the_published_tokens(name, case):
    tensors, model = tensors_of(name), model_of(name)
    ids, attention = tensors.get(f"{case}.full_input_ids"), None
    if ids is None:
        ids, attention = tensors[f"{case}.input_ids"], tensors[f"{case}.attention_mask"]
    mask = encoder_mask(ids.long(), attention, model.config)
    golden.check(f"{PART}/{name} encoder mask", mask.int(), tensors[f"{case}.encoder_mask"].int(), 0)


def flow_runs():
    for name in CHECKPOINTS:
        for run in golden.cases(PART, name, "vectors.safetensors", suffix="noise"):
            if not run.startswith("predict."):
                yield name, run


def actions_of_run(name, case, run, dtype, trace=None):
    tensors, model = tensors_of(name), model_of(name, dtype)
    prefix = model.vlm.prefill(inputs_of(tensors, case, dtype))
    if case.startswith("depth."):
        model.think(prefix, *frames(tensors, case), time.monotonic() + 60)
    padded = tensors.get(f"{run}.action_dim_is_pad")
    context = model.expert_context(prefix)
    actions = model.sampler.sample(
        tensors[f"{run}.noise"].to(dtype),
        context,
        steps=len(tensors[f"{run}.velocity"]),
        action_dim=None if padded is None else int((padded == 0).sum()),
        trace=trace,
    )
    return actions, context


@pytest.mark.parametrize(("name", "run"), list(flow_runs()))
def test_flow_matches_at_every_step(name, run):
    tensors, case = tensors_of(name), run.rpartition(".")[0]
    trace, exact = FlowTrace(trajectories=[], velocities=[]), FlowTrace(trajectories=[], velocities=[])
    actions, context = actions_of_run(name, case, run, torch.float32, trace)
    actions64, context64 = actions_of_run(name, case, run, torch.float64, exact)
    for kind, mine, double in (("k", context.keys, context64.keys), ("v", context.values, context64.values)):
        for layer, (value, value64) in enumerate(zip(mine, double, strict=True)):
            seen = context.visible[:, 0, 0]  # what stands at padding is never read
            expected = tensors[f"{run}.context_{kind}.{layer}"][seen]
            allowed = golden.slack(KV, float((value - value64)[seen].abs().max()), expected)
            golden.check(f"{PART}/{name} expert context", value[seen], expected, allowed)
    noise = max(float((a - b).abs().max()) for a, b in zip(trace.velocities, exact.velocities, strict=True))
    modulation = model_of(name).sampler.modulation(len(trace.velocities), 1, torch.device("cpu"))
    golden.check(
        f"{PART}/{name} time conditioning", modulation.conditioning.detach(), tensors[f"{run}.time_conditioning"], 1e-5
    )
    golden.check(
        f"{PART}/{name} velocity", torch.stack(trace.velocities), tensors[f"{run}.velocity"], golden.slack(FLOW, noise)
    )
    golden.check(
        f"{PART}/{name} trajectory",
        torch.stack(trace.trajectories),
        tensors[f"{run}.trajectory_in"],
        golden.slack(FLOW, noise),
    )
    allowed = golden.slack(FLOW, float((actions - actions64).abs().max()))
    golden.check(f"{PART}/{name} flow actions", actions, tensors[f"{run}.actions"], allowed)


def test_padding_the_context_to_a_common_length_changes_nothing():
    name = CHECKPOINTS[0]
    run = next(run for n, run in flow_runs() if n == name)
    actions, context = actions_of_run(name, run.rpartition(".")[0], run, torch.float32)
    padded = pad_context(context, 64)
    assert padded.keys[0].shape[1] % 64 == 0
    noise, steps = tensors_of(name)[f"{run}.noise"], len(tensors_of(name)[f"{run}.velocity"])
    again = model_of(name).sampler.sample(noise, padded, steps=steps)
    golden.check(f"{PART}/{name} padded context", again.detach(), actions.detach(), 1e-5)


def test_a_chunk_can_be_repeated_without_recomputing_the_modulations():
    name = CHECKPOINTS[0]
    run = next(run for n, run in flow_runs() if n == name)
    first, _ = actions_of_run(name, run.rpartition(".")[0], run, torch.float32)
    kept = model_of(name).sampler._modulations
    second, _ = actions_of_run(name, run.rpartition(".")[0], run, torch.float32)
    assert torch.equal(first, second)
    assert model_of(name).sampler._modulations is kept


@pytest.mark.parametrize(("name", "case"), named("discrete_ids"))
def test_discrete_tokens_match(name, case):
    tensors, model = tensors_of(name), model_of(name)
    prefix = model.vlm.prefill(inputs_of(tensors, case))
    expected = tensors[f"{case}.discrete_ids"][0].tolist()
    horizon = max(model.config.max_action_horizon, -(-len(expected) // 16))
    assert expected[-1] == model.config.eos_id
    assert model.write_actions(prefix, horizon, time.monotonic() + 60) == expected[:-1]


def frames(tensors, case):
    frame = tensors[f"{case}.frame"].numpy()
    previous = tensors.get(f"{case}.previous_frame")
    if previous is None:
        return frame, None
    bins = tuple(tensors[f"{case}.previous_bins"].flatten().tolist())
    return frame, DepthMemory(image=previous.numpy(), bins=bins)


@pytest.mark.parametrize(("name", "case"), named("frame"))
def test_adaptive_depth_matches(name, case):
    tensors, model = tensors_of(name), model_of(name)
    frame, memory = frames(tensors, case)
    if memory is not None:
        mask = changed_cells(frame, memory.image, model.config.depth_codes)
        golden.check(f"{PART}/{name} update mask", mask.astype(int), tensors[f"{case}.update_mask"].int(), 0)
        expected = golden.load_json(PART, name, "cases.json")["depth_spans"].get(case.rpartition(".")[2])
        if expected is not None:
            assert [list(span) for span in spans(mask)] == expected
    prefix = model.vlm.prefill(inputs_of(tensors, case))
    prompt = prefix.ids.shape[1]
    model.think(prefix, frame, memory, time.monotonic() + 60)
    assert list(prefix.depth_bins) == tensors[f"{case}.depth_bins"].flatten().tolist()
    golden.check(f"{PART}/{name} depth ids", prefix.ids[:, prompt:], tensors[f"{case}.generated_ids"], 0)
    golden.check(f"{PART}/{name} full ids", prefix.ids, tensors[f"{case}.full_input_ids"], 0)
    visible = encoder_mask(prefix.ids, prefix.attention_mask, model.config)
    depth = depth_mask(prefix.ids, visible, model.config)
    golden.check(f"{PART}/{name} depth mask", depth.int(), tensors[f"{case}.depth_token_mask"].int(), 0)
    with torch.inference_mode():
        openings = torch.stack(model.gate.openings(model.states(prefix), depth, visible))
    golden.check(f"{PART}/{name} depth gate", openings, tensors[f"{case}.depth_gate"].reshape(openings.shape), 1e-5)


def predictions():
    for name in CHECKPOINTS:
        for entry in golden.load_json(PART, name, "cases.json")["predict"]:
            yield name, entry["tag"]


@pytest.mark.parametrize(("name", "tag"), list(predictions()))
def test_images_are_stretched_as_published(name, tag):
    tensors, case = tensors_of(name), f"predict.{tag}"
    entry = next(e for e in golden.load_json(PART, name, "cases.json")["predict"] if e["tag"] == tag)
    vision = model_of(name).vlm.native.config.vision_config
    rule = CropRule(size_px=vision.image_size[0], patch_px=vision.patch_size, cropped=False)
    group = join([prepare(tensors[f"image.{index}"].numpy(), rule) for index in entry["images"]])
    golden.check(f"{PART}/{name} pixels", group.patches, tensors[f"{case}.pixel_values"], 1e-6)
    pooling = torch.from_numpy(group.pooling)
    golden.check(f"{PART}/{name} pooling", pooling, absolute_pooling(tensors, case), 0)


@pytest.mark.parametrize(("name", "tag"), list(predictions()))
def test_whole_predictions_match(name, tag):
    tensors, case = tensors_of(name), f"predict.{tag}"
    entry = next(e for e in golden.load_json(PART, name, "cases.json")["predict"] if e["tag"] == tag)
    robot = choose_tag(load_tags(golden.ROOT / PART / name / "norm_stats.json"), tag)
    config = model_of(name).config
    thinks = config.depth_reasoning and "<depth_output>" in entry["text"]
    text = robot_prompt(
        task=clean_task(entry["task"]),
        state=state_text(robot.normalise_state(tensors[f"{case}.state"].numpy()), config.state_tokens),
        setup=robot.setup,
        control=robot.control,
        images=len(entry["images"]),
        depth=thinks,
        setup_tokens=config.setup_tokens,
        control_tokens=config.control_tokens,
    )
    assert text == entry["text"]

    def run(dtype):
        model = model_of(name, dtype)
        prefix = model.vlm.prefill(inputs_of(tensors, case, dtype))
        if thinks:
            model.think(prefix, None, None, time.monotonic() + 60)
            stored = tensors.get(f"{case}.depth_bins")
            assert stored is None or list(prefix.depth_bins) == stored.flatten().tolist()
        noise = tensors[f"{case}.noise"].to(dtype)
        chunk = model.sampler.sample(
            noise, model.expert_context(prefix), steps=config.flow_steps, action_dim=robot.action_dim
        )
        steps = robot.action_steps or robot.horizon or noise.shape[1]
        return torch.from_numpy(robot.unnormalise_action(chunk[0, :steps, : robot.action_dim].float().numpy()))

    expected = tensors[f"{case}.actions"][0]
    assert list(expected.shape) == entry["actions_shape"][1:]
    golden.check(f"{PART}/{name} predictions", run(torch.float32), expected, golden.slack(FLOW, golden.rounding(run)))


@pytest.mark.parametrize("number", [c["id"] for c in golden.load_json("rtc", "flow_cases.json")["cases"]])
def test_guided_flows_match(number):
    document = golden.load_json("rtc", "flow_cases.json")
    case = next(c for c in document["cases"] if c["id"] == number)
    stored = golden.load_tensors("rtc", "flow_vectors.safetensors")
    name = document["checkpoint"].rpartition("/")[2]
    tensors = tensors_of(name)

    def run(dtype):
        model = model_of(name, dtype)
        previous, horizon = stored.get(f"case.{number}.previous"), case["execution_horizon"]
        guidance = None
        if previous is not None:
            guidance = Guidance(
                previous=previous,
                inference_delay=case["inference_delay"],
                execution_horizon=case["default_execution_horizon"] if horizon is None else horizon,
                max_weight=case["max_guidance_weight"],
                schedule=case["schedule"],
            )
        context = model.expert_context(model.vlm.prefill(inputs_of(tensors, case["inputs_case"], dtype)))
        return model.sampler.sample(
            stored[f"case.{number}.noise"].to(dtype),
            context,
            steps=case["num_steps"],
            action_dim=case["valid_dims"],
            guidance=guidance,
        )

    allowed = golden.slack(FLOW, golden.rounding(run))
    golden.check("rtc/flow actions", run(torch.float32), stored[f"case.{number}.actions"], allowed)


def test_released_shards_may_hold_more_expert_layers(tmp_path):
    from safetensors.torch import load_file, save_file

    name = CHECKPOINTS[0]
    source = golden.ROOT / PART / name
    state = load_file(source / "model.safetensors")
    state["model.action_expert.blocks.0.cross_attn.k_proj.weight"] = torch.zeros(4, 4)
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((source / "config.json").read_text())
    weight = load_molmoact2(open_checkpoint(tmp_path)).expert.action_embed.weight
    assert torch.isfinite(weight).all()
