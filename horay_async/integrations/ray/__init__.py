"""Fan-out over many machines, on Ray Data.

    import ray
    from horay_async.integrations.ray import complete_dataset

    ds = ray.data.read_parquet("prompts/")
    ds = complete_dataset(ds, model="...", prompt_column="prompt", rpm=6000)
    ds.write_parquet("answers/")

`embed_dataset` does the same for embeddings.

Ray Data reads, schedules, streams, and does again what was lost; nothing of that is here. An actor on each
node keeps one client and runs `batch.run` for the rows that it is handed. A row that fails is a value in the
error column; what was under way on a node that dies is done by another.

**How `rpm` and `tpm` hold for the cluster as a whole.** One small actor hands out *time*: each moment of the
cluster's full rate belongs to one worker, which asks for a quarter of a second of it when it has rows to
send, a few times a second, ahead of need. So the actor is on the path of no request, and the sum of what the
workers send is exact whoever sends it. A worker that dies takes its slice with it, a quarter of a second,
and the others go on at the full rate at once; a share of the rate for each worker would leave a dead
worker's share unused until somebody noticed, and so would one that has no rows. A slice can be used until
0.75 s after it has passed; to make up for that, the rate that is given out is 1.6 % below the one that is
asked for.
"""

from __future__ import annotations

from horay_async._extras import missing_extra

if _missing := missing_extra("horay_async.integrations.ray", "ray", "ray", "pyarrow"):
    raise ImportError(_missing)

from horay_async.integrations.ray.dataset import complete_dataset, embed_dataset

__all__ = ["complete_dataset", "embed_dataset"]
