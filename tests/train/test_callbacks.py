"""The callbacks inside the real trainers, where they are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hemp_codec.torch
from hemp_train.log import EpochLog

from .support import data, loss_of, network

OPTIONS: dict[str, Any] = {"levels": 8, "every": 2, "refit_every": 5}


def assert_holds_what_was_trained(path: Path, model: nn.Module) -> None:
    tensors = hemp_codec.torch.load_file(path)
    for name, value in model.state_dict().items():
        assert tensors[name].shape == value.shape
        assert value.dim() < 2 or len(tensors[name].unique()) <= 8
        assert value.dim() >= 2 or torch.equal(tensors[name], value)


def test_lightning(tmp_path: Path) -> None:
    lightning: Any = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")
    from hemp_train.callbacks.lightning import HempCallback

    class Module(lightning.LightningModule):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            loss = loss_of(self.net, (batch[0], batch[1]))
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.net.parameters(), lr=0.05, momentum=0.9)

    def fit(folder: str, epochs: int, resume: Path | None = None) -> tuple[Any, HempCallback, EpochLog]:
        module = Module()
        log = EpochLog()
        callback = HempCallback(save=tmp_path / f"{folder}.hemp", log=log, **OPTIONS)
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            callbacks=[callback],
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
            default_root_dir=tmp_path / folder,
        )
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=16)
        trainer.fit(module, loader, ckpt_path=resume)
        trainer.save_checkpoint(tmp_path / f"{folder}.ckpt", weights_only=False)
        assert "hemp/coded_bytes" in trainer.callback_metrics
        return module, callback, log

    module, callback, log = fit("whole", 3)
    assert callback.hemp.state_dict()["steps"] == 12
    assert [record.epoch for record in log.records] == [0, 1, 2] and "loss" in log.records[-1].values
    assert_holds_what_was_trained(tmp_path / "whole.hemp", module)
    fit("first", 2)
    fit("second", 3, tmp_path / "first.ckpt")
    assert (tmp_path / "second.hemp").read_bytes() == (tmp_path / "whole.hemp").read_bytes()


def test_transformers(tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate, which its Trainer needs, is not installed")
    from hemp_train.callbacks.transformers import HempCallback

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
            return {"loss": loss_of(self.net, (images, labels))}

    images, labels = data()
    dataset = [{"images": image, "labels": label} for image, label in zip(images, labels, strict=True)]

    def train(folder: str, name: str, epochs: int, resume: bool) -> tuple[nn.Module, HempCallback, EpochLog]:
        model, log = Model(), EpochLog()
        callback = HempCallback(save=tmp_path / f"{name}.hemp", log=log, **OPTIONS)
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / folder),
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            gradient_accumulation_steps=2,
            lr_scheduler_type="constant",
            save_strategy="epoch",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = transformers.Trainer(model=model, args=arguments, train_dataset=dataset, callbacks=[callback])
        trainer.train(resume_from_checkpoint=resume)
        return model, callback, log

    model, callback, log = train("whole", "whole", 3, False)
    assert callback.hemp.state_dict()["steps"] == 6
    assert [record.epoch for record in log.records] == [1, 2, 3]
    assert_holds_what_was_trained(tmp_path / "whole.hemp", model)
    train("parts", "first", 2, False)
    train("parts", "second", 3, True)
    assert (tmp_path / "second.hemp").read_bytes() == (tmp_path / "whole.hemp").read_bytes()


def test_there_is_nothing_before_training() -> None:
    from hemp_train.callbacks._run import Run

    with pytest.raises(RuntimeError, match="begins with the training"):
        Run(None, None, {}).current()
