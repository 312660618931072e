namespace Sgl.Batch.Internal;

/// <summary>A line is no request.</summary>
/// <param name="message">The end of a sentence about the line.</param>
internal sealed class BadLineException(string message) : Exception(message);
