"""LangChain on this client: a chat model and embeddings. The extra is `langchain`.

    from horay_async.integrations.langchain import ChatHoray

    model = ChatHoray(model="meta-llama/Meta-Llama-3.1-8B-Instruct", temperature=0)
    print(model.invoke("What is the capital of Germany?").text)

`invoke`, `stream` and `batch` run on `Horay`, `ainvoke`, `astream` and `abatch` on `AsyncHoray`, each with the
connections, timeouts, retries and limits of these. A stream that was cut raises `StreamTruncatedError`.
"""

from __future__ import annotations

from horay_async._extras import missing_extra

if _missing := missing_extra(__name__, "langchain", "langchain_core"):
    raise ImportError(_missing)

from langchain_core.load.load import ALL_SERIALIZABLE_MAPPINGS

from horay_async.integrations.langchain.chat import ChatHoray
from horay_async.integrations.langchain.embeddings import HorayEmbeddings

__all__ = ["ChatHoray", "HorayEmbeddings"]

for _name in __all__:
    # LangChain loads what it wrote down, with `load(..., valid_namespaces=["horay_async"], allowed_objects="all")`, where the class
    # is on this list; with `allowed_objects=[ChatHoray]` in the place of that it does so without.
    _path = (*__name__.split("."), _name)
    ALL_SERIALIZABLE_MAPPINGS.setdefault(_path, _path)
