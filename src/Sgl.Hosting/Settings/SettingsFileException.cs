namespace Sgl.Hosting;

/// <summary>A file that settings name, of keys or of a policy, cannot be used; the message names the file and what is wrong with it.</summary>
/// <param name="message">What is wrong, with the file.</param>
/// <param name="innerException">What it came from.</param>
public sealed class SettingsFileException(string message, Exception? innerException = null) : Exception(message, innerException);
