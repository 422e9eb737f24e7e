"""How a conversation becomes the text that the default model reads.

SmolLM2's own template supports no tools: llama.cpp would leave out the tools offered, the calls made
and their results. This one writes the same text where there are none, and the form that Hermes and
Qwen models use where there are; llama.cpp finds that form out, and parses calls by it.
"""

from __future__ import annotations

from typing import Final

CHATML_WITH_TOOLS: Final = """\
{%- set first = messages[0] -%}
{%- set system = first.content if first.role == 'system' else
    'You are a helpful AI assistant named SmolLM, trained by Hugging Face' -%}
{{- '<|im_start|>system\\n' + system -}}
{%- if tools -%}
{{- '\\n\\nYou can call these functions:\\n<tools>' -}}
{%- for tool in tools -%}
{{- '\\n' + (tool | tojson) -}}
{%- endfor -%}
{{- '\\n</tools>\\nTo call one, answer with its name and its arguments as JSON:\\n<tool_call>\\n'
    + '{"name": <name>, "arguments": <arguments>}\\n</tool_call>' -}}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' -}}
{%- elif message.role == 'assistant' and message.tool_calls -%}
{{- '<|im_start|>assistant' -}}
{%- if message.content -%}{{- '\\n' + message.content -}}{%- endif -%}
{%- for call in message.tool_calls -%}
{{- '\\n<tool_call>\\n{"name": "' -}}
{{- call.function.name -}}
{{- '", "arguments": ' -}}
{{- call.function.arguments | tojson -}}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- elif not (loop.first and message.role == 'system') -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
