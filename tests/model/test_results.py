"""What a training comes to: a curve in a fixed format."""

from __future__ import annotations

from pipeline.model.checkpoint import CurvePoint
from pipeline.model.results import curve_csv


def test_the_curve_has_a_row_a_step_and_nan_where_nothing_was_measured() -> None:
    points = [
        CurvePoint(1, 100, 8.317766166719343, 0.01, 0.123456789),
        CurvePoint(2, 200, None, 0.02, None),
        CurvePoint(3, 300, 7.5, 0.02, 1.0, val_loss=7.25),
    ]
    assert curve_csv(points).decode() == (
        "step,tokens,loss,val_loss,learning_rate,gradient_norm\n"
        "1,100,8.31777,nan,0.01,0.123457\n"
        "2,200,nan,nan,0.02,nan\n"
        "3,300,7.5,7.25,0.02,1\n"
    )
