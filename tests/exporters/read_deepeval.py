"""What DeepEval reads of our two forms, printed as JSON: goldens, test cases and conversations."""

import json
import sys
from pathlib import Path

from deepeval.dataset import EvaluationDataset


def calls(tools):
    return [[tool.name, tool.input_parameters, tool.output] for tool in tools or ()]


folder = Path(sys.argv[1])
single = EvaluationDataset()
single.add_goldens_from_json_file(str(folder / "deepeval.json"))
cases = EvaluationDataset()
cases.add_test_cases_from_json_file(
    file_path=str(folder / "deepeval.json"),
    input_key_name="input",
    actual_output_key_name="actual_output",
    expected_output_key_name="expected_output",
    context_key_name="context",
    tools_called_key_name="tools_called",
)
several = EvaluationDataset()
several.add_goldens_from_json_file(str(folder / "deepeval-conversational.json"))
told = {
    "goldens": [
        {"id": g.additional_metadata["id"], "input": g.input, "output": g.actual_output, "calls": calls(g.tools_called)}
        for g in single.goldens
    ],
    "test_cases": [
        {"input": t.input, "output": t.actual_output, "calls": calls(t.tools_called)} for t in cases.test_cases
    ],
    "conversations": [
        {"id": g.additional_metadata["id"], "turns": [[t.role, t.content, calls(t.tools_called)] for t in g.turns]}
        for g in several.goldens
    ],
}  # fmt: skip
print(json.dumps(told))
