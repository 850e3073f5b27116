"""Plots as SVG, with nothing but text: panels of lines, side by side."""
import html
import math

WIDTH, HEIGHT, MARGIN = 460, 320, 62
COLORS = ["#1b6ca8", "#c8553d", "#588157", "#6d597a"]


def ticks(low, high):
    """The powers of ten from one to the other."""
    return [10.0 ** n for n in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def short(value):
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


class Panel:
    """`lines`: name to a list of (x, y). Both axes are logarithmic; `across` are the places
    that the lower one names."""

    def __init__(self, title, below, beside, across, lines):
        self.title, self.below, self.beside, self.across, self.lines = (title, below, beside,
                                                                        across, lines)
        values = [y for points in lines.values() for _, y in points]
        self.up = ticks(min(values), max(values))

    def _place(self, x, y):
        def share(value, marks):
            low, high = math.log10(marks[0]), math.log10(marks[-1])
            return (math.log10(value) - low) / ((high - low) or 1)
        return (MARGIN + share(x, self.across) * (WIDTH - 2 * MARGIN),
                HEIGHT - MARGIN - share(y, self.up) * (HEIGHT - 2 * MARGIN))

    @staticmethod
    def _text(x, y, text, more=""):
        return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(text)}</text>'

    def _axes(self):
        for y in self.up:
            _, at = self._place(self.across[0], y)
            yield (f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{at:.1f}" y2="{at:.1f}"'
                   ' stroke="#ddd"/>')
            yield self._text(MARGIN - 6, at + 4, short(y), 'text-anchor="end"')
        for x in self.across:
            at, _ = self._place(x, self.up[0])
            yield self._text(at, HEIGHT - MARGIN + 18, short(x), 'text-anchor="middle"')
        yield self._text(WIDTH / 2, HEIGHT - 22, self.below, 'text-anchor="middle"')
        yield self._text(MARGIN, MARGIN - 14, self.beside)
        yield self._text(MARGIN, 22, self.title, 'font-weight="bold"')

    def draw(self):
        yield from self._axes()
        for number, (name, points) in enumerate(self.lines.items()):
            color = COLORS[number % len(COLORS)]
            places = [self._place(x, y) for x, y in points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
            for x, y in places:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'
            yield self._text(WIDTH - MARGIN, 16 + 13 * number, name,
                             f'text-anchor="end" fill="{color}"')


def write(path, panels):
    width = WIDTH * len(panels)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}"'
                   f' width="{width}" height="{HEIGHT}" font-family="sans-serif" font-size="11">\n'
                   f'<rect width="{width}" height="{HEIGHT}" fill="white"/>\n')
        for number, panel in enumerate(panels):
            file.write(f'<g transform="translate({WIDTH * number} 0)">\n')
            file.write("\n".join(panel.draw()) + "\n</g>\n")
        file.write("</svg>\n")
