namespace Sgl.Text;

/// <summary>A conversation that cannot be turned into a prompt.</summary>
public sealed class PromptException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="field">Path of the field at fault, like <c>messages[1].parts[0]</c>.</param>
    /// <param name="message">What is wrong with it.</param>
    /// <param name="innerException">Cause; a <see cref="TextTooLongException"/> where the text is too long.</param>
    public PromptException(string field, string message, Exception? innerException = null)
        : base($"{field}: {message}", innerException)
    {
        Field = field;
        Reason = message;
    }

    /// <summary>Path of the field at fault.</summary>
    public string Field { get; }

    /// <summary>What is wrong with it, without the field.</summary>
    public string Reason { get; }
}
