"""The peer of the serving benchmark: LitServe around the same encoder, with dynamic batching and a linear head."""

from __future__ import annotations

import sys

import litserve
import torch
from transformers import AutoModel, AutoTokenizer


class Api(litserve.LitAPI):
    """Tokenise, one forward pass for the batch, mean pooling, a linear head."""

    def setup(self, device: str) -> None:
        """Load the model in the worker process."""
        folder = sys.argv[1]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.head = torch.nn.Linear(self.model.config.hidden_size, 77)

    def decode_request(self, request: dict) -> str:
        """The text of a request."""
        return request["inputs"][0]

    def batch(self, inputs: list[str]) -> list[str]:
        """Texts stay texts."""
        return inputs

    def predict(self, texts: list[str]) -> list[dict]:
        """Labels and their chances."""
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None]
            chances = torch.softmax(self.head((states * mask).sum(1) / mask.sum(1)), dim=-1)
        best, label = chances.max(dim=-1)
        return [{"label": int(one), "confidence": float(p)} for one, p in zip(label, best, strict=True)]

    def unbatch(self, output: list[dict]) -> list[dict]:
        """One answer per request."""
        return output

    def encode_response(self, output: dict) -> dict:
        """As it is."""
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=32, batch_timeout=0.005)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="warning"
    )
