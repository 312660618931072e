namespace Sgl.Batch;

/// <summary>Where a request of a batch stands in its file; what it asks is read when its turn comes.</summary>
/// <param name="CustomId">The name that its answer goes by.</param>
/// <param name="Path">Path of the HTTP API, e.g. <c>/v1/chat/completions</c>.</param>
/// <param name="Line">1-based line.</param>
/// <param name="Offset">First byte of the line.</param>
/// <param name="Length">Bytes of the line.</param>
public sealed record BatchRequest(string CustomId, string Path, int Line, long Offset, int Length);
