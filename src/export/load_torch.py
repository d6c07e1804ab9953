import torch
from safetensors.torch import load_file
from torch import nn

class Network(nn.Module):
    def __init__(self, weights, activation):
        super().__init__()
        features, width = weights["embedding.weight"].shape
        self.embedding = nn.EmbeddingBag(features, width, mode="sum")
        self.bias = nn.Parameter(torch.zeros(width))
        count = sum(name.startswith("linear.") for name in weights) // 2
        shapes = [weights[f"linear.{i}.weight"].shape for i in range(count)]
        self.linear = nn.ModuleList(nn.Linear(inputs, units) for units, inputs in shapes)
        self.activation = nn.ModuleList(activation(inputs) for _, inputs in shapes)

    def forward(self, words, offsets):
        x = self.embedding(words, offsets) + self.bias
        for activation, linear in zip(self.activation, self.linear):
            x = linear(activation(x))
        return torch.sigmoid(x).squeeze(1)

weights = load_file("weights.safetensors")
network = Network(weights, activation=lambda units: nn.ReLU())  # or nn.PReLU(units) ...
network.load_state_dict(weights)
