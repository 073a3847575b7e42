//! Bucket widths, and the grain in which counts are kept until the zone is known.
//!
//! Offsets of zones are multiples of 15 minutes (since 1972 in all but a few months), so buckets of up to 15 minutes that
//! are aligned on the local clock are aligned in UTC too, and wider ones can be made of them afterwards.

use std::fmt;

/// Width of a bucket. Each divides the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    Second,
    TenSeconds,
    Minute,
    FiveMinutes,
    QuarterHour,
    Hour,
    Day,
}

impl Width {
    pub const ALL: [Width; 7] = [
        Width::Second,
        Width::TenSeconds,
        Width::Minute,
        Width::FiveMinutes,
        Width::QuarterHour,
        Width::Hour,
        Width::Day,
    ];

    pub const fn seconds(self) -> i64 {
        match self {
            Width::Second => 1,
            Width::TenSeconds => 10,
            Width::Minute => 60,
            Width::FiveMinutes => 300,
            Width::QuarterHour => 900,
            Width::Hour => 3_600,
            Width::Day => 86_400,
        }
    }

    /// As `--bucket` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Width::Second => "1s",
            Width::TenSeconds => "10s",
            Width::Minute => "1m",
            Width::FiveMinutes => "5m",
            Width::QuarterHour => "15m",
            Width::Hour => "1h",
            Width::Day => "1d",
        }
    }

    pub fn from_name(name: &str) -> Option<Width> {
        Width::ALL.into_iter().find(|width| width.name() == name)
    }

    /// The narrowest width that covers `span_s` seconds with at most [`AUTO_BUCKETS_MAX`] buckets; a day if none does.
    pub fn for_span(span_s: i64) -> Width {
        let covers = |width: &Width| span_s / width.seconds() < AUTO_BUCKETS_MAX;
        Width::ALL.into_iter().find(covers).unwrap_or(Width::Day)
    }

    /// The start of the bucket that holds `second`.
    pub const fn floor(self, second: i64) -> i64 {
        second - second.rem_euclid(self.seconds())
    }

    /// One step wider, up to a day.
    pub(super) fn next(self) -> Width {
        Width::ALL
            .into_iter()
            .find(|width| *width > self)
            .unwrap_or(Width::Day)
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Most buckets an automatic width gives a span.
pub const AUTO_BUCKETS_MAX: i64 = 240;

/// How finely counts are kept while scanning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// As the span seen so far needs for an automatic width.
    OfSpan,
    /// The same, but at most [`Grain::ANALYSED`].
    OfSpanAnalysed,
    /// This fine, whatever the span.
    Fixed(Width),
}

impl Grain {
    /// The widest buckets in which incidents are looked for, as long as the limit on rows allows: an outage of a minute must
    /// not drown in a week.
    pub const ANALYSED: Width = Width::Minute;

    /// The same, but fine enough to look for incidents.
    pub fn analysed(self) -> Grain {
        match self {
            Grain::OfSpan | Grain::OfSpanAnalysed => Grain::OfSpanAnalysed,
            Grain::Fixed(width) => Grain::Fixed(width.min(Grain::ANALYSED)),
        }
    }

    /// For what findings rest on: the same whatever buckets are shown, unless a time or seconds are asked for.
    pub fn observed(self) -> Grain {
        match self {
            Grain::Fixed(Width::Second) => self,
            _ => Grain::OfSpanAnalysed,
        }
    }

    /// The grain for buckets of `width`.
    pub fn for_width(width: Width) -> Grain {
        Grain::Fixed(width.min(Width::QuarterHour))
    }

    /// The width to keep for a span of `span_s` seconds, at least `narrowest`. Grows with the span, never shrinks, so
    /// that parts of a log are never kept more coarsely than the whole.
    pub fn width(self, span_s: i64, narrowest: Width) -> Width {
        let wanted = match self {
            Grain::OfSpan => Width::for_span(span_s).min(Width::QuarterHour),
            Grain::OfSpanAnalysed => Width::for_span(span_s).min(Grain::ANALYSED),
            Grain::Fixed(width) => width,
        };
        wanted.max(narrowest)
    }

    /// One step wider than `width`; `None` beyond 15 minutes, where a zone's offset could not be applied exactly.
    pub fn wider(width: Width) -> Option<Width> {
        (width < Width::QuarterHour).then(|| width.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_divide_each_other_and_cover_spans() {
        for pair in Width::ALL.windows(2) {
            assert_eq!(pair[1].seconds() % pair[0].seconds(), 0);
            assert_eq!(pair[0].next(), pair[1]);
        }
        assert_eq!(Width::for_span(0), Width::Second);
        assert_eq!(Width::for_span(239), Width::Second);
        assert_eq!(Width::for_span(240), Width::TenSeconds);
        assert_eq!(Width::for_span(86_399), Width::QuarterHour);
        assert_eq!(Width::for_span(100 * 86_400), Width::Day);
        assert_eq!(Width::Minute.floor(119), 60);
        assert_eq!(Width::from_name("15m"), Some(Width::QuarterHour));
    }
}
