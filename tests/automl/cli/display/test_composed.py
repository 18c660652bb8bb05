"""What ``--cfg`` shows."""

from automl.cli import main


def test_a_password_in_a_query_is_not_shown(capsys):
    query = "select * from dblink('postgresql://u:Hush77@h/d password=Hush78', 'x') as t (a int)"
    assert main(["search", "--cfg", f"data.sql={query}", "seed=3"]) == 0
    said = capsys.readouterr().out
    assert "Hush7" not in said
    assert "seed: 3" in said
    assert "dblink" in said
