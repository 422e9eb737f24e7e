"""Prompts in a Ray dataset, answered on as many machines as the cluster has.

    pip install '.[ray]'
    python examples/ray_dataset.py

Without a cluster Ray starts one of this machine alone. Started on a machine of a cluster, with
`ray.init(address="auto")` in place of what is below, the same lines use all of it; `ray.data.read_parquet`
and `write_parquet` then take the place of the list and the loop.
"""

# Not all of Ray's functions have types.
# pyright: basic

from __future__ import annotations

import logging

import ray
import ray.data
from connect import connect

from horay_async.integrations.ray import complete_dataset

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
COUNTRIES = ("Austria", "Canada", "Chile", "Cuba", "Denmark", "France", "Germany", "Japan", "Spain")


def main() -> None:
    """One row a country, with its answer, what it took, and what it failed with."""
    with connect() as target:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [{"country": name, "prompt": f"The capital of {name} is"} for name in COUNTRIES]
        answered = complete_dataset(
            ray.data.from_items(rows),
            model=MODEL,
            prompt_column="prompt",
            params={"max_tokens": 8, "temperature": 0, "stop": [".", ",", "\n"]},
            rpm=600,  # of the whole cluster, however many machines it has
            concurrency=8,  # requests under way at once, on each
            batch_size=4,
            api_key=target.api_key,
            base_url=target.base_url,
        )
        tokens = 0
        for row in answered.iter_rows():  # a lazy dataset: this is what sends
            if row["error"] is not None:
                print(f"  {row['country']:<9} failed: {row['error']['message']}")
                continue
            print(f"  {row['country']:<9} {row['answer'].strip()}")
            tokens += row["usage"]["total_tokens"]
        print(f"\n{len(COUNTRIES)} prompts, {tokens} tokens")
        ray.shutdown()


if __name__ == "__main__":
    main()
