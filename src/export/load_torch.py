import torch
from safetensors.torch import load_file
from torch import nn

class Network(nn.Module):
    def __init__(self, weights, activation):
        super().__init__()
        features, width = weights["embedding.weight"].shape
        self.embedding = nn.EmbeddingBag(features, width, mode="sum")
        self.bias = nn.Parameter(torch.zeros(width))
        if "squares.weight" in weights:  # reviews are scaled to length 1
            self.squares = nn.EmbeddingBag(features, 1, mode="sum")
        count = sum(name.startswith("linear.") for name in weights) // 2
        shapes = [weights[f"linear.{i}.weight"].shape for i in range(count)]
        self.linear = nn.ModuleList(nn.Linear(inputs, units) for units, inputs in shapes)
        self.activation = nn.ModuleList(activation(inputs) for _, inputs in shapes)

    def forward(self, words, offsets):
        x = self.embedding(words, offsets)
        if hasattr(self, "squares"):
            x = x / self.squares(words, offsets).clamp_min(torch.finfo(x.dtype).tiny).sqrt()
        x = x + self.bias
        for activation, linear in zip(self.activation, self.linear):
            x = linear(activation(x))
        return torch.sigmoid(x).squeeze(1)

weights = load_file("weights.safetensors")
# Or nn.PReLU(units), nn.LeakyReLU(0.2) ...
network = Network(weights, activation=lambda units: nn.ReLU())
network.load_state_dict(weights)
