"""Whole responses for the rows of a dataset, by Ray Data. Each cluster is one node, of this process's own."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any, Self

from benchmarks.canned import API_KEY

__all__ = ["HorayOnRay", "HttpStage"]

ROWS = 64
"""Rows of a batch, of either."""


class _OnRay:
    """A cluster of one node with two CPUs, and a pool of one actor that sends."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        ray: Any = import_module("ray")
        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
        )
        self._ray = ray
        self._data: Any = import_module("ray.data")
        context = self._data.DataContext.get_current()
        context.enable_progress_bars = False

    def _rows(self, count: int, **column: Any) -> Any:
        items = [column] * count
        return self._data.from_items(items, override_num_blocks=max(1, count // ROWS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()


class HorayOnRay(_OnRay):
    """`horay_async.integrations.ray`."""

    def responses(self, model: str, count: int) -> list[str]:
        """The texts of so many responses."""
        from horay_async.integrations.ray import complete_dataset  # noqa: PLC0415 - loads Ray

        lazy = complete_dataset(
            self._rows(count, talk="What is the capital of Germany?"),
            model=model,
            messages_column="talk",
            params={"max_tokens": 64},
            batch_size=ROWS,
            base_url=self._base_url,
            api_key=API_KEY,
        )
        return [row["answer"] for row in lazy.iter_rows()]


class HttpStage(_OnRay):
    """`HttpRequestProcessorConfig` of `ray.data.llm`, as its documentation shows it."""

    def responses(self, model: str, count: int) -> list[str]:
        """The texts of so many responses."""
        llm: Any = import_module("ray.data.llm")

        def payload(row: dict[str, Any]) -> dict[str, Any]:
            messages = [{"role": "user", "content": row["talk"]}]
            return {"payload": {"model": model, "messages": messages, "max_tokens": 64}}

        def text(row: dict[str, Any]) -> dict[str, str]:
            return {"answer": row["http_response"]["choices"][0]["message"]["content"]}

        config = llm.HttpRequestProcessorConfig(
            url=f"{self._base_url}/chat/completions",
            headers={"Authorization": f"Bearer {API_KEY}"},
            batch_size=ROWS,
            concurrency=1,
        )
        processor = llm.build_processor(
            config,
            preprocess=payload,
            postprocess=text,
        )
        rows = processor(self._rows(count, talk="What is the capital of Germany?"))
        return [row["answer"] for row in rows.iter_rows()]
