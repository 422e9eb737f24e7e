"""Let the model call functions of this program, and see each step.

python examples/tools.py
"""

from __future__ import annotations

from typing import Literal

from connect import connect

from horay_async import Horay, RoundStarted, TextDelta, ToolResult, tool

MODEL = "meta-llama/Meta-Llama-3.1-8B-Instruct"
FORECASTS = {"Rome": "sunny, 25 degrees", "Oslo": "snow, -3 degrees"}


@tool
def forecast(city: Literal["Rome", "Oslo"]) -> str:
    """The weather of tomorrow.

    Args:
        city: Where.
    """
    return FORECASTS[city]


def main() -> None:
    """Prints what the model asks for, what it is told, and its response."""
    with (
        connect() as target,
        Horay(target.api_key, base_url=target.base_url) as client,
        client.chat.completions.run_tools(
            model=MODEL,
            messages=[{"role": "user", "content": "What is the weather in Oslo tomorrow?"}],
            tools=[forecast],
            tool_choice="required",
            max_rounds=4,
            timeout=120,
            max_tokens=100,
            temperature=0,
        ) as run,
    ):
        for event in run:
            if isinstance(event, RoundStarted):
                print(f"-- request {event.round}")
            elif isinstance(event, TextDelta):
                print(event.text, end="", flush=True)
            elif isinstance(event, ToolResult):
                function = event.tool_call.function
                print(f"{function.name}({function.arguments}) = {event.content}")
        print()


if __name__ == "__main__":
    main()
