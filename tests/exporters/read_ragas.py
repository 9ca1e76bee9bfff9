"""What Ragas reads of our two forms, printed as JSON."""

import json
import sys
from pathlib import Path

from ragas import EvaluationDataset

folder = Path(sys.argv[1])
single = EvaluationDataset.from_jsonl(str(folder / "ragas.jsonl"))
several = EvaluationDataset.from_jsonl(str(folder / "ragas-multi.jsonl"))
KINDS = {"HumanMessage": "user", "AIMessage": "assistant", "ToolMessage": "tool"}
told = {
    "single": [
        {"input": s.user_input, "output": s.response, "retrieved": s.retrieved_contexts or []} for s in single
    ],
    "multi": [
        [
            [
                KINDS[type(m).__name__],
                m.content,
                [[c.name, c.args] for c in getattr(m, "tool_calls", None) or ()],
            ]
            for m in s.user_input
        ]
        for s in several
    ],
}
print(json.dumps(told))
