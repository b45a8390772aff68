//! Bytes of XML-RPC or JSON-RPC to calls and back
