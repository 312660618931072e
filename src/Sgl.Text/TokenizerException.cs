namespace Sgl.Text;

/// <summary>A tokenizer file is missing, damaged, or asks for something that is not implemented.</summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Path of the file at fault.</param>
    /// <param name="key">The setting inside the file (dotted), or null when the whole file is at fault.</param>
    /// <param name="message">What was expected and what was found.</param>
    /// <param name="innerException">The cause, if any.</param>
    public TokenizerException(string file, string? key, string message, Exception? innerException = null)
        : base(key is null ? $"{file}: {message}" : $"{file}: {key}: {message}", innerException)
    {
        File = file;
        Key = key;
    }

    /// <summary>Path of the file at fault.</summary>
    public string File { get; }

    /// <summary>The setting inside <see cref="File"/>, or null when the whole file is at fault.</summary>
    public string? Key { get; }
}
