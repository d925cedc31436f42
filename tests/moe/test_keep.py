"""Which experts are kept: chosen from recorded counts, measured on answers that were held out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from click.testing import CliRunner
from msgspec.structs import replace
from tiny_checkpoints import make_checkpoint
from transformers.utils import logging

from agentkit import Completion, Message, Usage, load_run
from agentkit.cli.commands.moe.keep import command
from agentkit.errors import InputError
from agentkit.events import EpisodeStarted, NodeFinished, NodeRetried, NodeStarted
from agentkit.models.local.transformers.expert_keep import (
    ExpertKeep,
    read_expert_keep,
    slice_experts,
)
from agentkit.models.local.transformers.experts import watch_experts
from agentkit.moe.keep import (
    RoutedCall,
    add_counts,
    choose_experts,
    experts_per_token,
    kept_share,
    plan_by_node,
    plan_keep,
    read_routed_calls,
    split_by_seed,
    top_experts,
)
from agentkit.moe.keep_loss import (
    AnswerTokens,
    answer_losses,
    answer_tokens,
    kept_bytes,
    load_for_loss,
    measure_keep,
    spread,
)
from agentkit.record.line import as_record

Counts = tuple[tuple[int, ...], ...]


def call(counts: Counts, seed: int = 0, node: str = "act", **other: Any) -> RoutedCall:
    fields: dict[str, Any] = {
        "model": "local:models/tiny", "usage": Usage(5, 2, 0, 1), "text": "east",
        "messages": (Message("user", "Where?"),),
    }  # fmt: skip
    return RoutedCall(node=node, seed=seed, experts=counts, **{**fields, **other})


class TestChoice:
    COUNTS = ((50, 30, 15, 4, 1), (0, 20, 20, 20, 40))

    def test_the_fewest_experts_with_the_mass_are_kept(self):
        assert choose_experts(self.COUNTS, 0.95, 2) == ((0, 1, 2), (1, 2, 3, 4))
        assert choose_experts(self.COUNTS, 0.951, 2) == ((0, 1, 2, 3), (1, 2, 3, 4))
        assert choose_experts(self.COUNTS, 0.8, 2) == ((0, 1), (1, 2, 4))

    def test_never_fewer_than_a_token_goes_to(self):
        assert choose_experts(self.COUNTS, 0.1, 2) == ((0, 1), (1, 4))
        assert choose_experts(((9, 0, 0),), 1.0, 2) == ((0, 1),)

    def test_all_of_the_mass_needs_every_expert_that_was_chosen(self):
        assert choose_experts(self.COUNTS, 1.0, 2) == ((0, 1, 2, 3, 4), (1, 2, 3, 4))

    @pytest.mark.parametrize("mass", [0.1 * n for n in range(1, 11)])
    def test_a_share_that_is_met_exactly_needs_no_expert_more(self, mass):
        """0.1 * 3 * 10 is a little above 3 in floating point."""
        assert len(choose_experts(((1,) * 10,), mass, 1)[0]) == round(mass * 10)

    def test_the_share_of_kept_experts_is_that_of_the_counts(self):
        assert kept_share(self.COUNTS, ((0, 1, 2), (1, 4))) == (0.95, 0.6)
        assert kept_share(((0, 0),), ((1,),)) == (1.0,)

    def test_the_top_has_the_sizes_that_are_wanted(self):
        assert top_experts(self.COUNTS, (1, 3)) == ((0,), (1, 2, 4))


class TestCalls:
    def test_counts_add_up_and_servers_may_leave_out_the_last_experts(self):
        calls = [call(((1, 2), (3, 0))), call(((0, 0, 5), (1,)))]
        assert add_counts(calls) == [[1, 2, 5], [4, 0, 0]]
        assert add_counts(calls, 4) == [[1, 2, 5, 0], [4, 0, 0, 0]]

    def test_counts_of_several_models_are_refused(self):
        with pytest.raises(InputError, match="'act' has counts of 2 layers of experts, others of"):
            add_counts([call(((1,),)), call(((1,), (1,)))])

    def test_how_many_experts_a_token_goes_to_follows_from_the_counts(self):
        """(10 - 4 + 3 - 1) tokens, 16 choices."""
        usage = Usage(10, 3, 4, 1)
        assert experts_per_token([call(((9, 7, 0),), usage=usage)] * 3) == 2
        assert experts_per_token([call(((9, 7, 0),), usage=Usage())]) == 1

    @pytest.mark.parametrize(
        ("seeds", "held"), [(1, []), (2, [1]), (3, [2]), (4, [3]), (5, [3, 4]), (8, [6, 7])]
    )
    def test_a_quarter_of_the_seeds_is_held_out_with_all_their_calls(self, seeds, held):
        calls = [call(((1,),), seed, node) for seed in range(seeds) for node in ("act", "look")]
        train, other = split_by_seed(calls)
        assert [one.seed for one in other] == sorted([*held, *held])
        assert {one.seed for one in train} == set(range(seeds)) - set(held)


class TestPlan:
    CALLS = (
        call(((90, 10, 0, 0),), 0, "act"),
        call(((0, 0, 50, 50),), 0, "look"),
        call(((80, 10, 10, 0),), 1, "act"),
        call(((0, 0, 100, 0),), 1, "look"),
    )

    def test_a_node_keeps_what_it_uses_and_the_graph_what_any_uses(self):
        graph = plan_keep(self.CALLS, 0.96, k=1)
        assert graph.keep == ExpertKeep(4, ((0, 1, 2, 3),), "tiny")
        act, look = plan_by_node(self.CALLS, 0.95, k=1)
        assert (act.node, act.keep.layers) == ("act", ((0, 1),))
        assert (look.node, look.keep.layers) == ("look", ((2, 3),))

    def test_held_out_calls_tell_how_much_is_kept_of_what_was_not_seen(self):
        act = plan_keep(self.CALLS, 0.95, k=1, node="act")
        assert (act.calls, act.train, act.held_calls, act.held) == (1, (1.0,), 1, (0.9,))

    def test_of_one_seed_nothing_is_held_out(self):
        plan = plan_keep(self.CALLS[:2], 0.9)
        assert (plan.calls, plan.held_calls, plan.held) == (2, 0, ())

    def test_several_models_cannot_share_a_plan(self):
        calls = [call(((1, 2),)), call(((1, 2),), node="look", model="local:models/other")]
        with pytest.raises(InputError, match="of several models"):
            plan_keep(calls, 0.9)
        assert [plan.keep.model for plan in plan_by_node(calls, 0.9)] == ["tiny", "other"]

    def test_its_file_is_one_that_models_read(self, tmp_path):
        plan = plan_keep(self.CALLS, 0.7, k=1, node="act")
        path = tmp_path / "keep.json"
        path.write_text(json.dumps(plan.as_file("runs/one")))
        assert read_expert_keep(path) == plan.keep


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Iterator[Path]:
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", "mixtral")
    logging.enable_progress_bar()
    logging.set_verbosity_warning()


ANSWERS = [AnswerTokens(tuple(range(5 * n, 5 * n + 20)), (7, 8, 9 + n)) for n in range(1, 7)]


class TestLoss:
    """With random weights this says that the measurement is right, not that a model is good."""

    @pytest.fixture
    def model(self, checkpoint) -> Any:
        return load_for_loss(checkpoint)[0]

    def test_it_is_that_of_the_answer_after_what_was_asked(self, model):
        (loss,) = answer_losses(model, ANSWERS[:1])
        ids = torch.tensor([[*ANSWERS[0].prompt, *ANSWERS[0].answer]])
        labels = ids.clone()
        labels[:, :20] = -100
        with torch.inference_mode():
            expected = model(ids, labels=labels).loss.item() * 3
        assert loss == pytest.approx(expected, rel=1e-5)

    def test_with_all_experts_kept_nothing_is_lost(self, model):
        every = ExpertKeep(8, (tuple(range(8)),) * 3)
        whole, kept, drawn = measure_keep(model, ANSWERS, {"kept": every}, subsets=2)
        assert kept.loss == whole.loss == drawn.loss
        assert (kept.more, kept.low, kept.high, drawn.subsets) == (0, 0, 0, (whole.loss,) * 2)

    def test_experts_that_the_router_prefers_lose_less_than_random_ones(self, model):
        """Two experts of each layer get nearly all tokens."""
        for layer in model.model.layers:  # more alike than it is, but for two
            gate = layer.mlp.gate.weight
            gate.data[2:] = gate.data[:1].expand(6, -1) - gate.data[2:] * 0.02
            gate.data[1] = gate.data[0] * 1.02
            gate.data[2:] -= 4 * gate.data[:1]
        counts = torch.zeros(3, 8, dtype=torch.int64)
        end = watch_experts(
            model, lambda n, chosen: counts[n].add_(chosen.flatten().bincount(minlength=8))
        )
        whole = answer_losses(model, ANSWERS)
        end()
        kept = choose_experts(counts.tolist(), 0.9, 2)
        every, mine, drawn = measure_keep(model, ANSWERS, {"kept": ExpertKeep(8, kept)})
        assert every.loss == pytest.approx(sum(whole) / 18)
        assert abs(mine.more) < abs(drawn.more)
        assert mine.low <= mine.more <= mine.high
        assert len(drawn.subsets) == 5
        assert answer_losses(model, ANSWERS) == whole  # the model is as before

    def test_nothing_to_measure_with_is_said(self, model):
        with pytest.raises(InputError, match="no held-out answer"):
            measure_keep(model, [], {"kept": ExpertKeep(8, ((0, 1),) * 3)})

    def test_memory_is_that_of_a_sliced_model(self, model):
        keep = ExpertKeep(8, ((0, 1), (0, 1, 2), (0, 1, 2, 3)))
        before, after = kept_bytes(model, keep)
        routers = 4 * 64 * (6 + 5 + 4)
        slice_experts(model, keep)
        assert after - routers == 4 * sum(one.numel() for one in model.parameters())
        assert before > after

    def test_answers_are_read_as_the_model_reads_them(self, checkpoint):
        tokenizer = load_for_loss(checkpoint)[1]
        calls = [call(((1,),), text=text) for text in ("east", "", "west " * 300)]
        (one,) = answer_tokens(calls, tokenizer, 200)
        assert tokenizer.decode(one.prompt).endswith("Where?<|im_end|>\n<|im_start|>assistant\n")
        assert tokenizer.decode(one.answer) == "east"

    def test_calls_are_spread_over_all(self):
        assert spread(range(10), 4) == [0, 2, 5, 7]
        assert spread(range(3), 4) == [0, 1, 2]


TASTES = {"look": (40, 30, 20, 8, 2, 0, 0, 0), "act": (0, 0, 0, 0, 1, 9, 45, 45)}


def record(folder: Path, seeds: int = 4) -> Path:
    """A run of two nodes with tastes of their own, on the tiny model's 3 layers of 8 experts."""
    (folder / "episodes").mkdir(parents=True)
    (folder / "run.json").write_bytes(orjson.dumps({"format": 2, "status": "done"}))
    for seed in range(seeds):
        events: list[Any] = [EpisodeStarted(seed, 100 + seed, "A corridor.")]
        for node, tastes in TASTES.items():
            prompt = (Message("user", f"What now, {node}?"),)
            asked = NodeStarted(0, node, None, 1, "local:models/tiny", prompt)
            bad = Completion("?", Usage(30, 21, 0, 1), experts=((0, 0, 0, 0, 0, 0, 0, 2),) * 3)
            done = Completion("A wall.", Usage(30, 21, 0, 1), experts=(tastes,) * 3)
            events += [
                asked,
                NodeRetried(0, node, None, 1, "no", bad, 1.0, False),
                replace(asked, attempt=2),
                NodeFinished(0, node, None, 2, "ok", "A wall.", done),
            ]
        lines = [orjson.dumps({**as_record(event), "time": 1.0}) for event in events]
        (folder / "episodes" / f"{seed:04d}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return folder


class TestCommand:
    @pytest.fixture
    def run(self, tmp_path) -> Path:
        return record(tmp_path / "run")

    def invoke(self, *arguments: Any) -> Any:
        result = CliRunner().invoke(command, [*map(str, arguments)])
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    def test_calls_are_read_with_their_seeds_and_usable_answers(self, run):
        calls = read_routed_calls(load_run(run))
        assert len(calls) == 16
        assert {one.seed for one in calls} == {100, 101, 102, 103}
        assert [one.text for one in calls[:4]] == ["", "A wall.", "", "A wall."]

    def test_the_plan_of_a_graph_is_shown_by_layer_and_written(self, run, tmp_path):
        shown = self.invoke(run, "--mass", 0.7, "--out", tmp_path / "keep.json").output
        assert shown.splitlines()[:7] == [
            "tiny",
            "  mass   0.7 of the choices of each layer",
            "  calls  12 to choose from, 4 held out",
            "",
            "Experts kept in each layer",
            "  layer    kept  share  share held out  experts",
            "  0      4 of 8  80.4%           80.4%  0 1 6 7",
        ]
        assert read_expert_keep(tmp_path / "keep.json").layers == ((0, 1, 6, 7),) * 3

    def test_the_plans_of_nodes_go_to_a_file_each(self, run, tmp_path):
        shown = self.invoke(run, "--by", "node", "--mass", 0.9, "--out", tmp_path / "k").output
        assert sorted(path.name for path in (tmp_path / "k").iterdir()) == ["act.json", "look.json"]
        assert read_expert_keep(tmp_path / "k" / "look.json").layers == ((0, 1, 2, 3),) * 3
        assert f"written: {tmp_path}/k/act.json" in shown

    def test_with_the_checkpoint_loss_and_memory_are_told_too(self, run, checkpoint):
        shown = self.invoke(run, "--by", "node", "--model", checkpoint).output
        assert "Loss of 1 held-out answer of node look, in nats a token" in shown
        rows = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
        assert rows[4:9] == ["experts", "all", "kept", "top", "random"]
        assert "weights of node act:" in shown

    def test_a_program_gets_all_figures(self, run, checkpoint):
        read = json.loads(self.invoke(run, "--model", checkpoint, "--json").output)
        (plan,), (measured,) = read["plans"], read["measured"]
        assert len(plan["layers"]) == 3
        assert (plan["train"]["calls"], plan["held_out"]["calls"]) == (12, 4)
        assert [row["experts"] for row in measured["losses"]] == ["all", "kept", "random"]
        assert measured["answers"] == 2

    def test_a_run_without_counts_says_how_to_get_them(self, tmp_path):
        record(tmp_path / "run", 0)
        with pytest.raises(InputError, match="telemetry: experts"):
            self.invoke(tmp_path / "run")

    def test_a_checkpoint_of_another_shape_is_refused(self, run, tmp_path):
        other = {"num_hidden_layers": 2, "num_experts": 8, "num_experts_per_tok": 2}
        (tmp_path / "config.json").write_text(json.dumps(other))
        with pytest.raises(InputError, match="has 2 layers of 8 experts, and node 'look' was"):
            self.invoke(run, "--model", tmp_path)

    def test_a_file_that_is_no_plan_is_not_overwritten(self, run, tmp_path):
        (tmp_path / "agent.yaml").write_text("name: mine")
        with pytest.raises(InputError, match="is no plan"):
            self.invoke(run, "--out", tmp_path / "agent.yaml")
        assert (tmp_path / "agent.yaml").read_text() == "name: mine"
        for _ in range(2):
            self.invoke(run, "--out", tmp_path / "keep.json")
