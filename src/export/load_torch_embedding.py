import torch
from safetensors.torch import load_file
from torch import nn

class Network(nn.Module):
    def __init__(self, weights, activation, mask):
        super().__init__()
        features, dim = weights["embedding.weight"].shape
        padding = 0 if mask else None
        self.embedding = nn.EmbeddingBag(features, dim, mode="mean", padding_idx=padding)
        count = sum(name.startswith("linear.") for name in weights) // 2
        shapes = [weights[f"linear.{i}.weight"].shape for i in range(count)]
        self.linear = nn.ModuleList(nn.Linear(inputs, units) for units, inputs in shapes)
        self.activation = nn.ModuleList(activation(units) for units, _ in shapes[:-1])

    def forward(self, ids):  # int64 [reviews, max_len]
        x = self.linear[0](self.embedding(ids))
        for activation, linear in zip(self.activation, self.linear[1:]):
            x = linear(activation(x))
        return torch.sigmoid(x).squeeze(1)

weights = load_file("weights.safetensors")
# Or nn.PReLU(units), nn.LeakyReLU(0.2) ...
network = Network(weights, activation=lambda units: nn.ReLU(), mask=False)
network.load_state_dict(weights)
