//! Real clients and recorded answers, over the wire only
