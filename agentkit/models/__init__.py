"""Whatever completes messages: the protocol, models on servers, LangChain's, doubles, prices."""
