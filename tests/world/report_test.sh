#!/bin/bash
# SPDX-License-Identifier: MIT
# The report of `stat --html` in a real browser: Chromium draws it in light and in dark, its console
# stays empty, the script zooms, and nothing is missing without the script.  VQT_KEEP=DIR keeps the
# screenshots there, to be looked at.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/full/lib.sh
export TZ=UTC
for c in chromium python3 jq; do
	command -v $c >/dev/null || { echo "$c is not installed (make test-world)"; exit 77; }
done
keep=${VQT_KEEP:-$tmp}
mkdir -p "$keep"

# What the page's own script logs, and errors, are INFO:CONSOLE lines.
browser() { # ARGUMENTS...
	timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --disable-dev-shm-usage \
		--user-data-dir="$tmp/profile" --enable-logging=stderr --v=0 "$@" 2>"$tmp/browser"
}

console() {
	! grep -E 'CONSOLE|Refused|Uncaught' "$tmp/browser"
}

report() { # TRACE
	"$vqtrace" stat -r "$1" --html "$tmp/page.html" >/dev/null
}

# SCHEME: what a browser prefers, 0 dark, 1 light.
shot() { # SCHEME NAME
	rm -f "$keep/$2.png"
	browser --blink-settings=preferredColorScheme="$1" --window-size=1100,1400 --screenshot="$keep/$2.png" "file://$tmp/page.html" >"$tmp/out" || { tail -n 3 "$tmp/browser"; return 1; }
	console && [ -s "$keep/$2.png" ]
}

# Bright or dark ground, and on it much of many colours: in all, and where the pictures are.
drawn() { # NAME LEAST-GROUND MOST-GROUND
	local width height ground colours share part
	for part in "" "700 700"; do
		# shellcheck disable=SC2086 # words
		read -r width height ground colours share < <(python3 tests/world/png.py "$keep/$1.png" $part) || return 1
		[ "$width" = 1100 ] && [ "$height" = 1400 ] && [ "$ground" -ge "$2" ] && [ "$ground" -le "$3" ] &&
			[ "$colours" -gt 50 ] && [ "$share" -ge 2 ] && [ "$share" -le 60 ] ||
			{ echo "$1 $part: ${width}x$height, ground $ground, $colours colours, $share % drawn"; return 1; }
	done
}

schemes() {
	local t name
	for t in qemu7-mq4.pcap qemu7-q1-both.pcap.gz; do
		name=${t%%.*}
		report traces/$t || return 1
		shot 1 "$name-light" && drawn "$name-light" 240 255 || return 1
		shot 0 "$name-dark" && drawn "$name-dark" 10 60 || return 1
		! cmp -s "$keep/$name-light.png" "$keep/$name-dark.png" || return 1
	done
}

# What the page becomes: run by the page itself, as if somebody pressed buttons, dragged, clicked twice.
zooms() {
	report traces/qemu7-mq4.pcap || return 1
	python3 - "$tmp/page.html" "$tmp/zoomed.html" <<-'PYTHON'
		import sys
		script = """
		const out = [], svg = document.querySelector('svg.plot'), z = svg.querySelector('svg.z');
		const box = () => z.getAttribute('viewBox').split(' ').filter((x, i) => i % 2 == 0).map(Number);
		const labels = () => svg.querySelectorAll('.axis')[0].querySelectorAll('text').length;
		const press = what => document.querySelector('[data-do=' + what + ']').click();
		const say = what => out.push(what + ' ' + box().map(Math.round) + ' ' + (labels() > 0));
		say('begin'); press('in'); say('in'); press('right'); say('right'); press('out'); say('out');
		press('all'); say('all');
		const r = svg.getBoundingClientRect(), k = r.width / 880;
		const point = (type, x) => (type == 'pointerup' ? window : svg).dispatchEvent(
		    new PointerEvent(type, {clientX: r.left + x * k, clientY: r.top + 100 * k, button: 0, bubbles: true}));
		point('pointerdown', 76); point('pointermove', 271); point('pointerup', 271); say('drag');
		say('texts:' + Array.from(svg.querySelectorAll('.axis text.w')).slice(0, 1).map(t => /^04:35:0[0-9.]+$/.test(t.textContent)));
		svg.dispatchEvent(new MouseEvent('dblclick')); say('double');
		document.body.dataset.said = out.join('; ');
		"""
		page = open(sys.argv[1]).read()
		open(sys.argv[2], "w").write(page.replace("</body>", "<script>" + script + "</script></body>"))
	PYTHON
	browser --dump-dom "file://$tmp/zoomed.html" >"$tmp/dom" && console || return 1
	sed -n 's/.*data-said="\([^"]*\)".*/\1/p' "$tmp/dom" | tr ';' '\n' | sed 's/^ //' >"$tmp/said"
	diff - "$tmp/said" <<-'SAID'
		begin 76,780 true
		in 271,390 true
		right 369,390 true
		out 76,780 true
		all 76,780 true
		drag 76,195 true
		texts:true 76,195 true
		double 76,780 true
	SAID
}

# Without its script: the same words, and no buttons.
scriptless() {
	report traces/qemu7-mq4.pcap || return 1
	sed '/^<script>/,/^<\/script>/d' "$tmp/page.html" >"$tmp/plain.html"
	cp "$tmp/plain.html" "$tmp/page.html"
	shot 1 scriptless && drawn scriptless 240 255
}

# On paper: white, whatever the screen is.
paper() {
	report traces/qemu7-mq4.pcap || return 1
	browser --blink-settings=preferredColorScheme=0 --no-pdf-header-footer --print-to-pdf="$keep/paper.pdf" "file://$tmp/page.html" >"$tmp/out" &&
		console && [ "$(head -c 5 "$keep/paper.pdf")" = %PDF- ] && [ "$(wc -c <"$keep/paper.pdf")" -gt 30000 ]
}

# The page asks for nothing: not even where a name would like it to; and runs no script but its own.
hostile() {
	LC_ALL=C sed "s/virtio-blk-pci/<script>a(1)\&x/g" traces/qemu7-q1.pcap >"$tmp/<img src=x onerror=alert(1)>.pcap" || return 1
	report "$tmp/<img src=x onerror=alert(1)>.pcap" || return 1
	browser --dump-dom "file://$tmp/page.html" >"$tmp/dom" && console && ! grep -q '<img\|<script>a' "$tmp/dom" &&
		grep -q '<html lang="en" class="js">' "$tmp/dom"
}

plan 5
check "light and dark" schemes
check "zoom" zooms
check "without its script" scriptless
check "on paper" paper
check "hostile names" hostile
finish
