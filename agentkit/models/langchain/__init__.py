"""Chat models of LangChain as models of AgentKit."""
