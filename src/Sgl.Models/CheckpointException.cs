using System.Globalization;
using System.Text;

namespace Sgl.Models;

/// <summary>One thing in a checkpoint folder that is missing, unknown or inconsistent.</summary>
/// <param name="File">File name inside the folder (<c>config.json</c>, a shard), or <c>.</c> for the folder itself.</param>
/// <param name="Key">Configuration key as a path (<c>llm_config.hidden_size</c>) or tensor name; null when the whole file is meant.</param>
/// <param name="Expected">What would have been accepted.</param>
/// <param name="Found">What is there.</param>
/// <param name="Hint">What to use instead, where that is known.</param>
public sealed record CheckpointProblem(string File, string? Key, string Expected, string Found, string? Hint = null)
{
    /// <summary>One line that names file, key, expected and found, and what to use instead.</summary>
    public override string ToString() =>
        $"{File}{(Key is null ? "" : ", " + Key)}: expected {Expected}, found {Found}{(Hint is null ? "" : $" ({Hint})")}";
}

/// <summary>A checkpoint folder cannot be used. Carries every problem that was found, not only the first.</summary>
public sealed class CheckpointException : Exception
{
    private const int ListedProblems = 20;

    /// <summary>One problem.</summary>
    /// <param name="file">File name inside the folder.</param>
    /// <param name="key">Key or tensor name, null for the whole file.</param>
    /// <param name="expected">What would have been accepted.</param>
    /// <param name="found">What is there.</param>
    public CheckpointException(string file, string? key, string expected, string found)
        : this(null, [new CheckpointProblem(file, key, expected, found)])
    {
    }

    /// <summary>Several problems of one folder.</summary>
    /// <param name="folder">The folder, null when unknown.</param>
    /// <param name="problems">At least one.</param>
    public CheckpointException(string? folder, IReadOnlyList<CheckpointProblem> problems)
        : base(Describe(folder, problems))
    {
        Folder = folder;
        Problems = problems;
    }

    /// <summary>The folder, null when unknown.</summary>
    public string? Folder { get; }

    /// <summary>All problems, at least one.</summary>
    public IReadOnlyList<CheckpointProblem> Problems { get; }

    /// <summary>File of the first problem.</summary>
    public string File => Problems[0].File;

    /// <summary>Key or tensor name of the first problem.</summary>
    public string? Key => Problems[0].Key;

    /// <summary>What the first problem expected.</summary>
    public string Expected => Problems[0].Expected;

    /// <summary>What the first problem found.</summary>
    public string Found => Problems[0].Found;

    private static string Describe(string? folder, IReadOnlyList<CheckpointProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        ArgumentOutOfRangeException.ThrowIfZero(problems.Count);
        var text = new StringBuilder();
        if (folder is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"Checkpoint '{folder}' cannot be used. ");
        }

        text.AppendJoin("; ", problems.Take(ListedProblems));
        if (problems.Count > ListedProblems)
        {
            text.Append(CultureInfo.InvariantCulture, $"; and {problems.Count - ListedProblems} more problems");
        }

        return text.ToString();
    }
}
