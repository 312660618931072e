namespace Sgl.Inference;

/// <summary>Settings of the engine do not fit the checkpoint or the machine; the message names the setting's value and what would fit.</summary>
/// <param name="message">What is wrong and what would be right.</param>
/// <param name="innerException">What it came from.</param>
public class EngineSettingsException(string message, Exception? innerException = null) : Exception(message, innerException);
