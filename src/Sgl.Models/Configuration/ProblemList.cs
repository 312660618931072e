namespace Sgl.Models;

/// <summary>Collects what is wrong with one checkpoint folder, so that a user sees all of it at once.</summary>
/// <param name="folder">The folder.</param>
public sealed class ProblemList(string folder)
{
    private readonly List<CheckpointProblem> _problems = [];

    /// <summary>The folder.</summary>
    public string Folder { get; } = folder;

    /// <summary>Number of problems so far.</summary>
    public int Count => _problems.Count;

    /// <summary>Adds a problem.</summary>
    /// <param name="file">File name inside the folder.</param>
    /// <param name="key">Key or tensor name, null for the whole file.</param>
    /// <param name="expected">What would have been accepted.</param>
    /// <param name="found">What is there.</param>
    /// <param name="hint">What to use instead, where that is known.</param>
    public void Add(string file, string? key, string expected, string found, string? hint = null) =>
        _problems.Add(new CheckpointProblem(file, key, expected, found, hint));

    /// <summary>Throws when there is any problem.</summary>
    /// <exception cref="CheckpointException">With all problems.</exception>
    public void ThrowIfAny()
    {
        if (_problems.Count > 0)
        {
            throw new CheckpointException(Folder, [.. _problems]);
        }
    }
}
