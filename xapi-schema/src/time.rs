//! [`DateTime`]: the API's point in time, whole seconds, with the zone text it was given.
//!
//! Printing and the accepted forms follow the recorded wire behaviour: `YYYYMMDDThh:mm:ssZ`, zone `Z`
//! for UTC, nothing when unknown, else `+hh:mm`. Never reads a clock.

use std::fmt;

/// Seconds since 1970 in the zone-less reading of the text, plus the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Seconds since the epoch of the printed wall time (the zone is not subtracted).
    local: i64,
    /// Minutes east of UTC; `None` when the text had no zone.
    zone: Option<i16>,
}

impl DateTime {
    /// 1 January 1970, which the API uses for "never".
    pub const EPOCH: DateTime = DateTime { local: 0, zone: Some(0) };

    /// A UTC time from Unix seconds, kept within the years 0 to 9999 that the text form can print.
    pub const fn from_unix(seconds: i64) -> DateTime {
        const MIN: i64 = -62_167_219_200;
        const MAX: i64 = 253_402_300_799;
        let local = if seconds < MIN {
            MIN
        } else if seconds > MAX {
            MAX
        } else {
            seconds
        };
        DateTime { local, zone: Some(0) }
    }

    /// The same wall time without its zone, as a local clock shows it.
    pub const fn without_zone(self) -> DateTime {
        DateTime { local: self.local, zone: None }
    }

    /// Unix seconds; an unknown zone is read as UTC.
    pub const fn unix(self) -> i64 {
        match self.zone {
            Some(minutes) => self.local - minutes as i64 * 60,
            None => self.local,
        }
    }

    /// Reads `YYYYMMDDThh:mm:ss[zone]` or `YYYY-MM-DDThh:mm:ss[.frac][zone]`; anything else is `None`.
    pub fn parse(text: &str) -> Option<DateTime> {
        let bytes = text.as_bytes();
        if !text.is_ascii() {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = bytes.get(from..to)?;
            if !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            text[from..to].parse().ok()
        };
        let at = |i: usize, c: u8| (bytes.get(i) == Some(&c)).then_some(());
        let dashed = bytes.get(4) == Some(&b'-');
        let (year, month, day, clock) = if dashed {
            at(7, b'-')?;
            (number(0, 4)?, number(5, 7)?, number(8, 10)?, 10)
        } else {
            (number(0, 4)?, number(4, 6)?, number(6, 8)?, 8)
        };
        at(clock, b'T')?;
        at(clock + 3, b':')?;
        at(clock + 6, b':')?;
        let (hour, minute, second) =
            (number(clock + 1, clock + 3)?, number(clock + 4, clock + 6)?, number(clock + 7, clock + 9)?);
        if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut rest = &text[clock + 9..];
        if dashed && let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            rest = &fraction[digits..];
        }
        let local = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(DateTime { local, zone: parse_zone(rest)? })
    }
}

/// `Some(None)` for an absent zone, `None` for one that is not understood.
fn parse_zone(text: &str) -> Option<Option<i16>> {
    match text {
        "" => Some(None),
        "Z" => Some(Some(0)),
        _ => {
            let sign = match text.as_bytes()[0] {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let (hours, minutes) = match digits.len() {
                2 => (digits.parse::<i16>().ok()?, 0),
                4 => (digits[..2].parse::<i16>().ok()?, digits[2..].parse::<i16>().ok()?),
                _ => return None,
            };
            (hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 60 + minutes)))
        }
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.local.div_euclid(86_400));
        let clock = self.local.rem_euclid(86_400);
        write!(
            f,
            "{year:04}{month:02}{day:02}T{:02}:{:02}:{:02}",
            clock / 3_600,
            clock / 60 % 60,
            clock % 60
        )?;
        match self.zone {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch of a proleptic Gregorian date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for text in
            ["19700101T00:00:00Z", "20250319T04:16:24Z", "20240229T23:59:59", "20250101T00:00:00+05:30"]
        {
            assert_eq!(DateTime::parse(text).unwrap().to_string(), text);
        }
        let dashed = DateTime::parse("2025-03-19T04:16:24.123Z").unwrap();
        assert_eq!(dashed.to_string(), "20250319T04:16:24Z");
    }

    #[test]
    fn refuses_what_is_not_a_date() {
        for text in [
            "",
            "20250229T00:00:00Z",
            "20251301T00:00:00Z",
            "20250101",
            "20250101T25:00:00Z",
            "20250101T00:00:00X",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn unix_seconds_round_trip() {
        for seconds in [-1, 0, 1, 951_782_400, 1_700_000_000, 253_402_300_799] {
            assert_eq!(DateTime::from_unix(seconds).unix(), seconds);
            assert_eq!(DateTime::parse(&DateTime::from_unix(seconds).to_string()).unwrap().unix(), seconds);
        }
        assert_eq!(DateTime::parse("20250101T02:00:00+02:00").unwrap().unix(), 1_735_689_600);
    }
}
