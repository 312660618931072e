namespace Sgl.Verification;

/// <summary>Golden cases cannot be read; the message names the file and what is wrong with it.</summary>
/// <param name="message">What is wrong.</param>
/// <param name="innerException">What it came from.</param>
public sealed class GoldenDataException(string message, Exception? innerException = null) : Exception(message, innerException);
