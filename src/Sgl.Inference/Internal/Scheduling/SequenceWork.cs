namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// Work of one sequence beside its decode steps, cut in pieces so that other sequences' steps fit between them: a prefill with its draft, a consistency
/// pass. Used by the engine thread only.
/// </summary>
internal abstract class SequenceWork : IDisposable
{
    /// <summary>About how many rows the next piece runs.</summary>
    /// <param name="most">Rows at most; 0: no limit.</param>
    public abstract int NextRows(int most);

    /// <summary>Runs one piece.</summary>
    /// <param name="most">Rows at most; 0: no limit.</param>
    /// <returns>Whether that was the last one.</returns>
    public abstract bool Run(int most);

    public abstract void Dispose();
}
