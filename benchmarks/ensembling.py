"""Makes short searches and keeps what an ensemble is chosen from."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.tables import read_catalog, write_parts


def make(entry, seed, folder, extra):
    folder.mkdir(parents=True, exist_ok=True)
    import pandas as pd

    if not (folder / "test.csv").exists():
        write_parts(entry, seed, folder)
        for n, most in (("train", 6000), ("test", 20000)):
            t = pd.read_csv(folder / f"{n}.csv", dtype=str, keep_default_na=False)
            if len(t) > most:
                t.sample(most, random_state=seed).to_csv(folder / f"{n}.csv", index=False)
    run = folder / "run"
    if not (run / "manifest.json").exists():
        subprocess.run(
            [
                sys.executable,
                "-m",
                "automl",
                "search",
                str(folder / "train.csv"),
                "--target",
                entry.target,
                "--task",
                entry.task,
                "--seed",
                str(seed),
                "--out",
                str(run),
                "-q",
                *extra,
            ],
            check=True,
        )
    from automl.api import load_run
    from automl.data import load_labelled, open_dataset
    from automl.data.split import load_split_plan
    from automl.ensemble import read_oof
    from automl.trial.records import read_records

    r = load_run(run)
    test = r.trial_predictions(str(folder / "test.csv"))
    ds = open_dataset(r._run.data)
    plan = load_split_plan(r._run.split)
    table, y_test = load_labelled(str(folder / "test.csv"), r._schema[0], r._schema[1])
    recs = {x.trial_id: x for x in read_records(r._run)}
    names = sorted(test, key=lambda n: recs[n].index)
    oof = [read_oof(r._run, n, [f.fold for f in recs[n].folds], plan) for n in names]
    np.savez(
        folder / "predictions.npz",
        names=np.array(names),
        families=np.array([recs[n].spec.family for n in names]),
        oof=np.stack(oof).astype(np.float32),
        y=ds.y,
        test=np.stack([test[n] for n in names]).astype(np.float32),
        y_test=y_test,
        task=entry.task,
    )


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--catalog", type=Path)
    p.add_argument("--out", type=Path)
    p.add_argument("--only", nargs="+", default=())
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--overrides", nargs="+", default=())
    o = p.parse_args()
    for e in read_catalog(o.catalog, o.only):
        f = o.out / f"{e.name}-{o.seed}"
        if not (f / "predictions.npz").exists():
            make(e, o.seed, f, o.overrides)
            print(e.name, flush=True)


main()
