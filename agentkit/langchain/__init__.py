"""A graph as a Runnable of LangChain, with callbacks for each node."""
