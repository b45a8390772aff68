//! The screen of a terminal: what a guest's bytes look like. Answers what programs ask of a terminal; never reads or
//! writes anything itself.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use alacritty_terminal::{
    Term,
    event::{Event, EventListener, WindowSize},
    grid::Dimensions,
    index::{Column, Line},
    term::{
        Config, TermMode,
        cell::{Cell, Flags},
    },
    vte::ansi::{Color, CursorShape, NamedColor, Processor, Rgb},
};

use crate::{font, keys::Modes};

/// Lines kept that have left the screen.
const HISTORY: usize = 500;
/// Most bytes a guest is answered at once.
const ANSWER: usize = 4_096;
/// Sizes that are allowed, in characters.
const COLUMNS: std::ops::RangeInclusive<usize> = 20..=250;
const ROWS: std::ops::RangeInclusive<usize> = 5..=100;

/// Red, green, blue.
pub type Rgb8 = [u8; 3];

/// How a place of the screen looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub c: char,
    pub ink: Rgb8,
    pub paper: Rgb8,
    pub underlined: bool,
    pub struck: bool,
}

/// A screen as it looks at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub columns: usize,
    pub rows: usize,
    /// Row by row.
    pub looks: Vec<Look>,
}

#[derive(Clone)]
struct Answers {
    text: Arc<Mutex<String>>,
    size: Arc<Mutex<(usize, usize)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl EventListener for Answers {
    fn send_event(&self, event: Event) {
        let said = match event {
            Event::PtyWrite(text) => text,
            Event::TextAreaSizeRequest(form) => {
                let (columns, rows) = *lock(&self.size);
                form(WindowSize {
                    num_lines: rows as u16,
                    num_cols: columns as u16,
                    cell_width: font::WIDTH as u16,
                    cell_height: font::HEIGHT as u16,
                })
            }
            // Titles, clipboards and bells stay where they are.
            _ => return,
        };
        let mut text = lock(&self.text);
        if text.len() + said.len() <= ANSWER {
            text.push_str(&said);
        }
    }
}

struct Size(usize, usize);

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.1
    }
    fn screen_lines(&self) -> usize {
        self.1
    }
    fn columns(&self) -> usize {
        self.0
    }
}

/// A terminal without a window.
pub struct Screen {
    term: Term<Answers>,
    parser: Processor,
    answers: Answers,
}

impl Default for Screen {
    /// The size text consoles have had for ever.
    fn default() -> Screen {
        Screen::new(80, 25)
    }
}

impl Screen {
    /// An empty screen of this many characters across and down.
    pub fn new(columns: usize, rows: usize) -> Screen {
        let size = allowed(columns, rows);
        let answers = Answers { text: Arc::default(), size: Arc::new(Mutex::new(size)) };
        let config = Config { scrolling_history: HISTORY, ..Config::default() };
        let term = Term::new(config, &Size(size.0, size.1), answers.clone());
        Screen { term, parser: Processor::new(), answers }
    }

    /// Shows bytes; what is answered goes back to the guest.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.settle();
        self.parser.advance(&mut self.term, bytes);
        std::mem::take(&mut *lock(&self.answers.text)).into_bytes()
    }

    /// When a change that was announced as one is shown though its end has not come.
    pub fn held_until(&self) -> Option<Instant> {
        self.parser.sync_timeout().sync_timeout()
    }

    /// Shows what was held back for too long.
    pub fn settle(&mut self) {
        if self.held_until().is_some_and(|until| until <= Instant::now()) {
            self.parser.stop_sync(&mut self.term);
        }
    }

    /// Characters across and down.
    pub fn size(&self) -> (usize, usize) {
        (self.term.columns(), self.term.screen_lines())
    }

    /// Changes the size; the answer is the one it has now, nearest to what was asked.
    pub fn resize(&mut self, columns: usize, rows: usize) -> (usize, usize) {
        let size = allowed(columns, rows);
        *lock(&self.answers.size) = size;
        self.term.resize(Size(size.0, size.1));
        size
    }

    /// What programs have asked of the keyboard.
    pub fn modes(&self) -> Modes {
        Modes { application_cursor: self.term.mode().contains(TermMode::APP_CURSOR) }
    }

    /// How it looks.
    pub fn picture(&self) -> Picture {
        let (columns, rows) = self.size();
        let content = self.term.renderable_content();
        let cursor = (content.cursor.shape != CursorShape::Hidden
            && content.mode.contains(TermMode::SHOW_CURSOR))
        .then_some(content.cursor.point);
        let grid = self.term.grid();
        let mut looks = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            let line = &grid[Line(row as i32)];
            for column in 0..columns {
                let mut look = self.look(&line[Column(column)]);
                let here = cursor.is_some_and(|at| at.line.0 == row as i32 && at.column.0 == column);
                if here {
                    (look.ink, look.paper) = (look.paper, look.ink);
                }
                looks.push(look);
            }
        }
        Picture { columns, rows, looks }
    }

    fn look(&self, cell: &Cell) -> Look {
        let flags = cell.flags;
        let (mut ink, mut paper) = (self.color(cell.fg, flags), self.color(cell.bg, Flags::empty()));
        if flags.contains(Flags::INVERSE) {
            (ink, paper) = (paper, ink);
        }
        if flags.contains(Flags::HIDDEN) {
            ink = paper;
        }
        let spacer = Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER;
        Look {
            c: if flags.intersects(spacer) || cell.c == '\t' { ' ' } else { cell.c },
            ink,
            paper,
            underlined: flags.intersects(Flags::ALL_UNDERLINES),
            struck: flags.contains(Flags::STRIKEOUT),
        }
    }

    fn color(&self, color: Color, flags: Flags) -> Rgb8 {
        let index = match color {
            Color::Spec(Rgb { r, g, b }) => return [r, g, b],
            Color::Indexed(index) => usize::from(index),
            Color::Named(name) => name as usize,
        };
        // Bold is bright, as on the screens of old.
        let index = match index {
            0..8 if flags.contains(Flags::BOLD) => index + 8,
            index => index,
        };
        let set = self.term.colors()[index].map(|Rgb { r, g, b }| [r, g, b]);
        let [r, g, b] = set.unwrap_or_else(|| usual(index, flags));
        if flags.contains(Flags::DIM) { [r / 3 * 2, g / 3 * 2, b / 3 * 2] } else { [r, g, b] }
    }

    /// What was said so far, for somebody who comes late: lines that have left the screen, then the screen, the
    /// cursor where it is.
    pub fn transcript(&self) -> Vec<u8> {
        let grid = self.term.grid();
        let cursor = grid.cursor.point;
        let (columns, rows) = (self.term.columns(), self.term.screen_lines() as i32);
        let blank = |line: i32| (0..columns).all(|column| is_blank(&grid[Line(line)][Column(column)]));
        let last = (0..rows).rev().find(|line| !blank(*line)).unwrap_or(0).max(cursor.line.0);
        let history = grid.history_size() as i32;
        if history == 0 && last == 0 && blank(0) {
            return Vec::new();
        }
        let mut text = String::new();
        for line in -history..=last {
            let at_least = if line == cursor.line.0 { cursor.column.0 } else { 0 };
            let wrapped = self.line(line, at_least, &mut text);
            if line < last && !wrapped {
                text.push_str("\r\n");
            }
        }
        if last > cursor.line.0 {
            text.push_str(&format!("\x1b[{}A\r", last - cursor.line.0));
            if cursor.column.0 > 0 {
                text.push_str(&format!("\x1b[{}C", cursor.column.0));
            }
        }
        text.into_bytes()
    }

    /// Writes one line without what is blank at its end; true when it goes on in the next.
    fn line(&self, line: i32, at_least: usize, text: &mut String) -> bool {
        let row = &self.term.grid()[Line(line)];
        let columns = self.term.columns();
        let wrapped = row[Column(columns - 1)].flags.contains(Flags::WRAPLINE);
        let used = (0..columns).rev().find(|c| !is_blank(&row[Column(*c)])).map_or(0, |c| c + 1);
        let end = if wrapped { columns } else { used.max(at_least) };
        let plain =
            (Color::Named(NamedColor::Foreground), Color::Named(NamedColor::Background), Flags::empty());
        let mut now = plain;
        for column in 0..end {
            let cell = &row[Column(column)];
            if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                continue;
            }
            let kept = Flags::BOLD | Flags::DIM | Flags::UNDERLINE | Flags::INVERSE;
            let wanted = (cell.fg, cell.bg, cell.flags & kept);
            if wanted != now {
                text.push_str(&style(wanted));
                now = wanted;
            }
            text.push(if cell.c == '\t' { ' ' } else { cell.c });
            text.extend(cell.zerowidth().unwrap_or_default());
        }
        if now != plain {
            text.push_str("\x1b[0m");
        }
        wrapped
    }
}

fn is_blank(cell: &Cell) -> bool {
    (cell.c == ' ' || cell.c == '\t')
        && cell.bg == Color::Named(NamedColor::Background)
        && !cell.flags.intersects(Flags::INVERSE | Flags::UNDERLINE)
}

/// The sequence that begins a style.
fn style((ink, paper, flags): (Color, Color, Flags)) -> String {
    let mut codes = vec!["0".to_string()];
    let wanted = [(Flags::BOLD, "1"), (Flags::DIM, "2"), (Flags::UNDERLINE, "4"), (Flags::INVERSE, "7")];
    codes.extend(wanted.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, code)| code.into()));
    for (color, base) in [(ink, 30), (paper, 40)] {
        match color {
            Color::Named(name) if (name as usize) < 8 => codes.push((base + name as usize).to_string()),
            Color::Named(name) if (name as usize) < 16 => codes.push((base + 52 + name as usize).to_string()),
            Color::Named(_) => {}
            Color::Indexed(index) => codes.push(format!("{};5;{index}", base + 8)),
            Color::Spec(Rgb { r, g, b }) => codes.push(format!("{};2;{r};{g};{b}", base + 8)),
        }
    }
    format!("\x1b[{}m", codes.join(";"))
}

fn allowed(columns: usize, rows: usize) -> (usize, usize) {
    (columns.clamp(*COLUMNS.start(), *COLUMNS.end()), rows.clamp(*ROWS.start(), *ROWS.end()))
}

/// A colour nobody changed: sixteen of a text screen, a cube of 216, greys, then what is written with and on.
fn usual(index: usize, flags: Flags) -> Rgb8 {
    const SIXTEEN: [Rgb8; 16] = [
        [0, 0, 0],
        [170, 0, 0],
        [0, 170, 0],
        [170, 85, 0],
        [0, 0, 170],
        [170, 0, 170],
        [0, 170, 170],
        [170, 170, 170],
        [85, 85, 85],
        [255, 85, 85],
        [85, 255, 85],
        [255, 255, 85],
        [85, 85, 255],
        [255, 85, 255],
        [85, 255, 255],
        [255, 255, 255],
    ];
    let level = |n: usize| if n == 0 { 0 } else { (55 + 40 * n) as u8 };
    match index {
        0..16 => SIXTEEN[index],
        16..232 => {
            let n = index - 16;
            [level(n / 36), level(n / 6 % 6), level(n % 6)]
        }
        232..256 => [(8 + 10 * (index - 232)) as u8; 3],
        i if i == NamedColor::Background as usize => SIXTEEN[0],
        // Named dim colours come in the order of the first eight.
        i if (NamedColor::DimBlack as usize..=NamedColor::DimWhite as usize).contains(&i) => {
            SIXTEEN[i - NamedColor::DimBlack as usize]
        }
        _ if flags.contains(Flags::BOLD) => SIXTEEN[15],
        _ => SIXTEEN[7],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(screen: &Screen, row: usize) -> String {
        let picture = screen.picture();
        let looks = &picture.looks[row * picture.columns..(row + 1) * picture.columns];
        looks.iter().map(|look| look.c).collect::<String>().trim_end().to_string()
    }

    #[test]
    fn text_colours_and_line_drawing() {
        let mut screen = Screen::default();
        assert_eq!(screen.feed(b"plain \x1b[1;31mred\x1b[0m\r\n\x1b(0lqk\x1b(B\r\n"), b"");
        assert_eq!((row(&screen, 0), row(&screen, 1)), ("plain red".into(), "┌─┐".into()));
        let picture = screen.picture();
        assert_eq!(picture.looks[0].ink, [170, 170, 170]);
        assert_eq!(picture.looks[6].ink, [255, 85, 85]);
        // The cursor is a block on the third line.
        assert_eq!((picture.looks[160].ink, picture.looks[160].paper), ([0, 0, 0], [170, 170, 170]));
        screen.feed(b"\x1b[?25l");
        assert_eq!(screen.picture().looks[160].paper, [0, 0, 0]);
    }

    #[test]
    fn questions_are_answered_within_limits() {
        let mut screen = Screen::new(100, 30);
        assert_eq!(screen.feed(b"\x1b[5;7H\x1b[6n"), b"\x1b[5;7R");
        assert_eq!(screen.feed(b"\x1b[18t"), b"\x1b[8;30;100t");
        assert!(screen.feed(&b"\x1b[6n".repeat(100_000)).len() <= ANSWER);
        assert!(!screen.modes().application_cursor);
        screen.feed(b"\x1b[?1h");
        assert!(screen.modes().application_cursor);
    }

    #[test]
    fn sizes_stay_within_limits() {
        let mut screen = Screen::default();
        assert_eq!(screen.resize(100_000, 0), (250, 5));
        screen.feed(&b"long lines \r\n".repeat(1_000));
        assert_eq!(screen.resize(132, 43), (132, 43));
        let picture = screen.picture();
        assert_eq!(picture.looks.len(), 132 * 43);
    }

    #[test]
    fn who_comes_late_sees_the_same() {
        let mut screen = Screen::default();
        assert_eq!(screen.transcript(), b"");
        for n in 0..60 {
            screen.feed(format!("line {n} \x1b[32mok\x1b[0m\r\n").as_bytes());
        }
        screen.feed(b"login: ");
        let told = screen.transcript();
        let text = String::from_utf8(told.clone()).unwrap();
        assert!(
            text.starts_with("line 0 \x1b[0;32mok\x1b[0m\r\n") && text.ends_with("\r\nlogin: "),
            "{text}"
        );
        let mut late = Screen::default();
        late.feed(&told);
        assert_eq!(late.picture(), screen.picture());
        // A cursor that is not at the end.
        screen.feed(b"\x1b[2;3H");
        let mut late = Screen::default();
        late.feed(&screen.transcript());
        assert_eq!(late.picture(), screen.picture());
    }

    #[test]
    fn nothing_a_guest_sends_breaks_it() {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        let mut screen = Screen::default();
        for round in 0..2_000 {
            let noise: Vec<u8> = (0..64)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    // Sequences are met more often than by chance.
                    match state % 7 {
                        0 => 0x1b,
                        1 => b'[',
                        2 => b"?;0123456789hlmrtABCDHJKLMPSTX@n"[(state >> 8) as usize % 31],
                        _ => (state >> 16) as u8,
                    }
                })
                .collect();
            assert!(screen.feed(&noise).len() <= ANSWER);
            if round % 50 == 0 {
                screen.resize((state >> 20) as usize % 300, (state >> 30) as usize % 120);
                screen.picture();
                screen.transcript();
            }
        }
    }

    #[test]
    fn a_change_announced_as_one_is_not_held_for_ever() {
        let mut screen = Screen::default();
        screen.feed(b"\x1b[?2026hshown");
        assert_eq!(row(&screen, 0), "");
        let until = screen.held_until().unwrap();
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        screen.settle();
        assert_eq!(row(&screen, 0), "shown");
    }
}
