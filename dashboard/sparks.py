"""Small charts as SVG that the server draws: no script, no movement, and a phone reads them."""

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from dashboard.views.timeline import Point, Timeline

WIDTH = 240
HEIGHT = 56
FOOT = 3
"""The line of zero lies so far above the lower edge: hidden bins are marked below it."""


Height = Callable[[float], float]
"""Where a value is drawn, from the upper edge."""


def spark(line: Timeline, title: str, *, share: bool = False) -> Markup:
    """The line with its band of normal; `title` is what a screen reader says of it.

    With `share` it is the share of all posts, which has no band.
    """
    points = line.points
    values = [_value(point, share=share) for point in points]
    highs = [point.high for point in points if point.high is not None and not share]
    top = max([*(value for value in values if value is not None), *highs], default=0.0) or 1.0
    places = [WIDTH * (place + 0.5) / max(1, len(points)) for place in range(len(points))]

    def height(value: float) -> float:
        return round((HEIGHT - FOOT) * (1 - value / top), 1)

    parts = [
        f'<rect class="spark-gap" x="{x - WIDTH / len(points) / 2:.1f}" y="0" '
        f'width="{WIDTH / len(points):.1f}" height="{HEIGHT}"/>'
        for x, point in zip(places, points, strict=True)
        if point.gaps
    ]
    if not share:
        parts += _band(points, places, height)
    parts += [
        f'<line class="spark-event" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>'
        for x, point in zip(places, points, strict=True)
        if point.events
    ]
    parts += [f'<path class="spark-line" d="{each}"/>' for each in _runs(values, places, height)]
    parts += [
        f'<rect class="spark-hidden" x="{x - 1:.1f}" y="{HEIGHT - FOOT}" width="2" '
        f'height="{FOOT}"/>'
        for x, value in zip(places, values, strict=True)
        if value is None
    ]
    last = next(
        (place for place in range(len(values) - 1, -1, -1) if values[place] is not None), -1
    )
    if last >= 0:
        parts.append(
            f'<circle class="spark-last" cx="{places[last]:.1f}" '
            f'cy="{height(values[last] or 0.0)}" r="2.5"/>'
        )
    body = "".join(parts)
    return Markup(  # noqa: S704  (numbers, and an escaped title)
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'preserveAspectRatio="none" role="img" aria-label="{escape(title)}">{body}</svg>'
    )


def _value(point: Point, *, share: bool) -> float | None:
    if share:
        return point.share
    return None if point.posts is None else float(point.posts)


def _band(points: Sequence[Point], places: Sequence[float], height: Height) -> list[str]:
    known = [
        (x, point.low, point.high)
        for x, point in zip(places, points, strict=True)
        if point.low is not None and point.high is not None
    ]
    if len(known) < 2:  # noqa: PLR2004  (an area has two sides)
        return []
    upper = [f"{x:.1f} {height(high)}" for x, _, high in known]
    lower = [f"{x:.1f} {height(low)}" for x, low, _ in reversed(known)]
    return [f'<path class="spark-band" d="M{" L".join([*upper, *lower])}Z"/>']


def _runs(values: Sequence[float | None], places: Sequence[float], height: Height) -> list[str]:
    """The line, broken where a value may not be shown."""
    runs: list[list[str]] = [[]]
    for x, value in zip(places, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f} {height(value)}")
    return [f"M{run[0]}h0.1" if len(run) == 1 else f"M{' L'.join(run)}" for run in runs if run]
