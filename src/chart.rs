//! Line charts as SVG: as much of them as matchwatch draws.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Told apart by people who see few colours too (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f7f7f", "#e69f00"];

/// A chart of one or more lines over the same axes.
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    /// Stands above.
    pub title: &'a str,
    /// From left to right.
    pub x: Axis<'a>,
    /// From the bottom up.
    pub y: Axis<'a>,
    /// What is drawn, the first one topmost.
    pub lines: Vec<Line<'a>>,
}

/// What an axis measures.
#[derive(Debug, Clone)]
pub struct Axis<'a> {
    /// With the unit.
    pub label: &'a str,
    /// The values at its ends; those of the lines' points beyond them are cut off.
    pub ends: (f64, f64),
    /// Whether equal steps are equal ratios; both ends are then above zero.
    pub logarithmic: bool,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// In the legend.
    pub label: &'a str,
    /// In order of x.
    pub points: Vec<(f64, f64)>,
    /// How the points are drawn.
    pub style: Style,
}

/// How a line's points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Joined.
    Solid,
    /// Joined by dashes.
    Dashed,
    /// Dots alone.
    Dots,
}

impl Axis<'_> {
    /// Where `value` lies between the ends: 0..1.
    fn place(&self, value: f64) -> f64 {
        let (low, high) = self.ends;
        let share = match self.logarithmic {
            true => (value / low).ln() / (high / low).ln(),
            false => (value - low) / (high - low),
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// Round values to mark.
    fn ticks(&self) -> Vec<f64> {
        let (low, high) = self.ends;
        let within = |value: &f64| *value >= low * (1.0 - 1e-9) && *value <= high * (1.0 + 1e-9);
        if self.logarithmic {
            let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
            let factors: &[f64] = if high / low > 2e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
            return decades
                .flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)))
                .filter(within)
                .collect();
        }
        let rough = (high - low) / 6.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * decade)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (low / step).ceil() as i64;
        (first..first + 12).map(|n| n as f64 * step).filter(within).collect()
    }
}

impl Chart<'_> {
    /// The chart as an SVG document, on white ground.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let x = |value: f64| LEFT + self.x.place(value) * (right - LEFT);
        let y = |value: f64| bottom - self.y.place(value) * (bottom - TOP);
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>",
            escaped(self.title)
        );
        for tick in self.x.ticks() {
            let (at, label) = (x(tick), number(tick));
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#e4e4e4\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                bottom + 17.0
            );
        }
        for tick in self.y.ticks() {
            let (at, label) = (y(tick), number(tick));
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#e4e4e4\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        let middle = 0.5 * (TOP + bottom);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"18\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {middle:.1})\">{}</text>",
            0.5 * (LEFT + right),
            HEIGHT - 12.0,
            escaped(self.x.label),
            escaped(self.y.label)
        );
        for (index, line) in self.lines.iter().enumerate().rev() {
            let colour = COLOURS[index % COLOURS.len()];
            let places = line.points.iter().map(|(at, value)| (x(*at), y(*value)));
            draw(&mut svg, line.style, colour, places);
            let key = TOP + 14.0 + 20.0 * index as f64;
            draw(
                &mut svg,
                line.style,
                colour,
                [(right + 14.0, key), (right + 36.0, key)].into_iter(),
            );
            let label = escaped(line.label);
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{}\">{label}</text>", right + 42.0, key + 4.0);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn draw(svg: &mut String, style: Style, colour: &str, places: impl Iterator<Item = (f64, f64)>) {
    if style == Style::Dots {
        for (x, y) in places {
            let _ =
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        return;
    }
    let mut path = String::new();
    for (x, y) in places {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.1} {y:.1}");
    }
    let dashes = if style == Style::Dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    let _ = writeln!(
        svg,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
    );
}

/// As short as it can be written: 0.5, 20, 3000.
fn number(value: f64) -> String {
    let rounded = format!("{value:.3}");
    match rounded.contains('.') {
        true => rounded.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => rounded,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(ends: (f64, f64), logarithmic: bool) -> Axis<'static> {
        Axis { label: "age, s", ends, logarithmic }
    }

    #[test]
    fn ticks_are_round_and_within_the_ends() {
        assert_eq!(axis((0.0, 95.0), false).ticks(), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(axis((1.0, 20.0), true).ticks(), [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(axis((1.0, 1e5), true).ticks().len(), 6);
    }

    #[test]
    fn every_point_is_drawn_within_the_axes_and_text_is_escaped() {
        let line = Line {
            label: "a < b & c",
            points: vec![(-5.0, 1.0), (50.0, 1e9), (f64::NAN, f64::INFINITY)],
            style: Style::Solid,
        };
        let (x, y) = (axis((0.0, 100.0), false), axis((1.0, 1_000.0), true));
        let svg = Chart { title: "t", x, y, lines: vec![line] }.svg();
        assert!(svg.contains("M64.0 330.0L317.0 40.0L64.0 40.0"), "{svg}");
        assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
