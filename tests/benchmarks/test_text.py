import pandas as pd
import pytest

from benchmarks.text import main


@pytest.mark.filterwarnings("ignore")  # what scikit-learn's pipeline warns of is its own matter
def test_a_table_with_a_telling_text_is_better_with_it(tmp_path, capsys):
    texts = [f"number {i} is {'good' if i % 2 else 'bad'} we say" for i in range(120)]
    table = pd.DataFrame({"text": texts, "x": range(120, 0, -1), "y": [i % 2 for i in range(120)]})
    table["x"] = table["x"].astype(float) ** 0.5
    table.to_csv(tmp_path / "told.csv", index=False)
    table[["x", "y"]].to_csv(tmp_path / "plain.csv", index=False)
    catalog = tmp_path / "catalog.csv"
    catalog.write_text("name,file,target,task\ntold,told.csv,y,binary\nplain,plain.csv,y,binary\n")
    main(["--catalog", str(catalog), "--families", "linear", "--repeats", "1"])
    header, row = capsys.readouterr().out.splitlines()
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["linear"].startswith("1.0000")
    assert float(cells["linear without"].split(" ")[0]) < 0.8
