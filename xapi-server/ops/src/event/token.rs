//! [`Token`]: how far a client has seen. Two numbers of twenty digits, as the original prints them; both
//! halves are the store's generation, because messages live in the store too.

use std::fmt;

use xapi_schema::{Result, errors};

/// A position in the history of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Nothing seen yet.
    Beginning,
    /// Everything up to this generation.
    At(u64),
}

impl Token {
    /// Everything up to a generation.
    pub fn at(generation: u64) -> Token {
        Token::At(generation)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// EVENT_FROM_TOKEN_PARSE_FAILURE [text].
    pub fn parse(text: &str) -> Result<Token> {
        if text.is_empty() {
            return Ok(Token::Beginning);
        }
        let number =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u64>().ok())?;
        match text.split_once(',').map(|(objects, messages)| (number(objects), number(messages))) {
            Some((Some(objects), Some(messages))) => Ok(Token::At(objects.min(messages))),
            _ => Err(errors::EVENT_FROM_TOKEN_PARSE_FAILURE.with([text])),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generation = match self {
            Token::Beginning => 0,
            Token::At(generation) => *generation,
        };
        write!(f, "{generation:020},{generation:020}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        assert_eq!(Token::at(42).to_string(), "00000000000000000042,00000000000000000042");
        assert_eq!(Token::parse(&Token::at(42).to_string()).unwrap(), Token::At(42));
        assert_eq!(Token::parse("").unwrap(), Token::Beginning);
        for text in ["x", "1", "1,", ",1", "-1,2", "1,2,3"] {
            assert_eq!(Token::parse(text).unwrap_err().params, [text]);
        }
    }
}
