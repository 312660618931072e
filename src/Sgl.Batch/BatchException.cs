namespace Sgl.Batch;

/// <summary>A batch cannot be run; the message is for the person who wanted it.</summary>
/// <param name="message">What is wrong, with file and line.</param>
/// <param name="innerException">What it came from.</param>
public sealed class BatchException(string message, Exception? innerException = null) : Exception(message, innerException);
