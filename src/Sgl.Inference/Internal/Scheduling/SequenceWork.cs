using Sgl.Inference.Internal.Decoding.Lanes;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// Work of one sequence beside its decode steps, cut in pieces so that other sequences' steps fit between them: a prefill with its draft, a consistency
/// pass. Used by the engine thread only; the pieces run in the lanes.
/// </summary>
internal abstract class SequenceWork : IDisposable
{
    /// <summary>About how many rows the next piece runs; 0: none can begin before others are done.</summary>
    /// <param name="most">Rows at most; 0: no limit.</param>
    public abstract int NextRows(int most);

    /// <summary>The next piece, where <see cref="NextRows"/> is not 0.</summary>
    /// <param name="most">Rows at most; 0: no limit.</param>
    public abstract Job Next(int most);

    /// <summary>Takes what a piece brought.</summary>
    /// <returns>Whether that was the last one.</returns>
    public abstract bool Take(Job job);

    public abstract void Dispose();
}
