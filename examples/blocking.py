"""The client for code that doesn't await: scripts, notebooks, threads.

python examples/blocking.py
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from connect import connect

from horay_async import Horay

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"


def main() -> None:
    """A whole response, a streamed one, and one client in several threads."""
    with connect() as target, Horay(target.api_key, base_url=target.base_url) as client:
        response = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Name three fruits."}],
            max_tokens=60,
            temperature=0,
        )
        print(response.choices[0].message.content)
        if response.usage:
            print(
                f"({response.usage.completion_tokens} tokens, stopped by {response.choices[0].finish_reason})\n"
            )

        # A stream is an iterator. The block closes its connection if the loop is left early.
        with client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "user", "content": "What is the largest ocean? Answer in one sentence."}
            ],
            max_tokens=80,
            temperature=0,
            stream=True,
        ) as stream:
            for text in stream.text():
                print(text, end="", flush=True)
        print("\n")

        def shout(word: str) -> str:
            """What the model makes of a word, in whatever thread this runs."""
            response = client.completions.create(
                model=MODEL, prompt=f"{word},", max_tokens=6, temperature=0
            )
            return word + "," + response.choices[0].text.replace("\n", " ")

        with ThreadPoolExecutor() as pool:
            for line in pool.map(shout, ("One, two", "Monday, Tuesday", "Red, green")):
                print(line)


if __name__ == "__main__":
    main()
