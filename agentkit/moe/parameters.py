"""How many parameters a model has, by part, exactly as transformers builds it."""

from dataclasses import astuple, dataclass, replace

from agentkit.moe.architecture import Architecture, Layer


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by part. Matrices and the rest of the experts stand apart: only the former are
    quantised."""

    embeddings: int = 0
    """Of the tokens."""
    attention: int = 0
    """Projections, norms of queries and keys, sinks; convolutions in place of attention too."""
    router: int = 0
    """The routers: one score an expert."""
    experts: int = 0
    """Matrices of the experts."""
    expert_biases: int = 0
    """Biases of the experts."""
    shared_experts: int = 0
    """The experts that every token takes, with their gates."""
    mlp: int = 0
    """MLPs of layers without experts."""
    norms: int = 0
    """Norms of the residual stream."""
    head: int = 0
    """From the last layer to the vocabulary; 0 where it is the embeddings."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(astuple(self))


def count_parameters(model: Architecture, experts: int | None = None) -> Parameters:
    """Count the parameters of a model.

    Args:
        model: The model.
        experts: How many experts each layer of experts has; None: as many as the config says.
    """
    number = model.experts if experts is None else experts
    layers = model.expert_layers
    h, bias = model.hidden, model.family.expert_bias
    dense = len(model.layers) - layers
    return Parameters(
        embeddings=model.vocabulary * h,
        attention=sum(_attention(model, layer) for layer in model.layers),
        router=layers * number * (h + bias),
        experts=layers * number * expert_matrices(model),
        expert_biases=layers * number * bias * (2 * model.expert_width + h),
        shared_experts=layers * _shared(model),
        mlp=dense * _mlp(h, model.dense_width, model.mlp_bias),
        norms=(2 * len(model.layers) + 1) * h * (1 + model.family.norm_bias),
        head=(0 if model.tied else model.vocabulary * h) + model.head_bias * model.vocabulary,
    )


def active_parameters(model: Architecture, experts: int | None = None) -> int:
    """Count the parameters that one token takes: of the experts only those it is sent to."""
    everything = count_parameters(model, experts)
    active = model.expert_layers * model.per_token
    chosen = replace(
        everything,
        experts=active * expert_matrices(model),
        expert_biases=active * model.family.expert_bias * (2 * model.expert_width + model.hidden),
    )
    return chosen.total


def expert_matrices(model: Architecture) -> int:
    """Count the parameters in the three matrices of one expert."""
    return 3 * model.hidden * model.expert_width


def buffers(model: Architecture, experts: int | None = None) -> int:
    """Count the numbers in a checkpoint that are no parameters: the router's correction."""
    number = model.experts if experts is None else experts
    return model.correction * model.expert_layers * number


def _attention(model: Architecture, layer: Layer) -> int:
    h = model.hidden
    if layer.attention == "conv":
        # in_proj (3h, h), conv (h, 1, L), out_proj (h, h)
        return 3 * h * h + h * model.conv_kernel + h * h + model.conv_bias * 5 * h
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    weights = h * (queries + 2 * keys) + queries * h
    biases = model.qkv_bias * (queries + 2 * keys) + model.output_bias * h
    per_head = {"": 0, "head": 2 * model.head_dim, "all": h + h // model.heads * model.kv_heads}
    return weights + biases + per_head[model.family.qk_norm] + model.family.sinks * model.heads


def _mlp(hidden: int, width: int, bias: bool) -> int:
    return 3 * hidden * width + bias * (2 * width + hidden)


def _shared(model: Architecture) -> int:
    return _mlp(model.hidden, model.shared_width, False) + model.shared_gate * model.hidden
