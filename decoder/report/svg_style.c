/* SPDX-License-Identifier: MIT */
/* How pictures look: strokes that differ without colour, in the colours of where they stand. */
#include "decoder/report/svg.h"
#include "decoder/report/svg_impl.h"

static void line_styles(FILE *to, const struct plot_colors *c)
{
	static const char *const strokes[] = {
		"stroke-width:1.8",
		"stroke-width:1.4;stroke-dasharray:6 3",
		"stroke-width:1.2;stroke-dasharray:1.5 2.5",
		"stroke-width:.7",
		"stroke-width:1.2;stroke-dasharray:8 2 2 2",
	};

	for (unsigned i = 0; i < sizeof(strokes) / sizeof(strokes[0]); i++)
		fprintf(to, ".l%u{fill:none;stroke:%s;%s}", i + 1, c->line[i], strokes[i]);
}

/* Between two colours where they are given, else from light grey to black. */
static void shades(FILE *to, const struct plot_colors *c)
{
	for (unsigned s = 0; s < SVG_SHADES; s++) {
		unsigned grey = 0xe0 - 0xe0 * s / (SVG_SHADES - 1);

		if (c->shade[0])
			fprintf(to, ".h%u{fill:color-mix(in srgb,%s %u%%,%s)}", s, c->shade[1],
				100 * s / (SVG_SHADES - 1), c->shade[0]);
		else
			fprintf(to, ".h%u{fill:#%02x%02x%02x}", s, grey, grey, grey);
	}
}

void plot_style(FILE *to, const struct plot_colors *c)
{
	fprintf(to,
		"text{font:11px sans-serif;fill:%s}.t{font:bold 14px sans-serif}.b{font-weight:bold}"
		".x{text-anchor:middle}.y{text-anchor:end}.w,.gap{fill:%s}.gap{font-size:9px}.gap,.k{stroke:%s;stroke-width:3;paint-order:stroke}"
		".f{fill:none;stroke:%s;stroke-width:1}"
		".g{fill:none;stroke:%s;stroke-width:.5}.s{fill:none;stroke:%s;stroke-width:.6}"
		".cut{fill:%s}.c{fill:none;stroke:%s;stroke-width:.7}.hit{fill-opacity:0}"
		".z path,.z rect{vector-effect:non-scaling-stroke}",
		c->ink, c->faint, c->paper, c->ink, c->grid, c->ink, c->paper, c->faint);
	line_styles(to, c);
	shades(to, c);
}
