namespace Sgl.Evaluation;

/// <summary>Something about the data, the results or the request is wrong; the message is meant for the person who typed the command.</summary>
public class EvaluationException : Exception
{
    /// <summary>Creates the error.</summary>
    public EvaluationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its cause.</summary>
    public EvaluationException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

/// <summary>A broken line of a data file.</summary>
public sealed class DatasetException : EvaluationException
{
    /// <summary>Creates the error.</summary>
    /// <param name="file">The data file.</param>
    /// <param name="line">1-based; 0 where the file as a whole is meant.</param>
    /// <param name="problem">What was expected and what was found.</param>
    /// <param name="cause">The parser's own error, if any.</param>
    public DatasetException(string file, int line, string problem, Exception? cause = null)
        : base(line > 0 ? $"{file}:{line}: {problem}" : $"{file}: {problem}", cause!)
    {
        File = file;
        Line = line;
        Problem = problem;
    }

    /// <summary>The data file.</summary>
    public string File { get; }

    /// <summary>1-based line, or 0 for the whole file.</summary>
    public int Line { get; }

    /// <summary>The message without the place.</summary>
    public string Problem { get; }
}
