namespace Sgl.Policies;

/// <summary>A policy file cannot be used; the message is one line for whoever wrote it.</summary>
public sealed class PolicyFileException(string message, Exception? innerException = null) : Exception(message, innerException);
