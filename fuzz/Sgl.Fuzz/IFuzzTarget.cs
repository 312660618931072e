namespace Sgl.Fuzz;

/// <summary>A file or message that is known to be fine, to be changed.</summary>
/// <param name="Name">Shown with a finding.</param>
/// <param name="Bytes">Its content.</param>
internal sealed record Seed(string Name, byte[] Bytes);

/// <summary>What may happen to one case.</summary>
/// <param name="Time">Longest run of one case.</param>
/// <param name="Memory">Most bytes that one case may allocate on the managed heap, and by which it may raise the peak of the process.</param>
internal readonly record struct CaseBounds(TimeSpan Time, long Memory);

/// <summary>Something that takes bytes from outside.</summary>
internal interface IFuzzTarget : IAsyncDisposable
{
    /// <summary>Name on the command line.</summary>
    string Name { get; }

    /// <summary>What may happen to one case.</summary>
    CaseBounds Bounds { get; }

    /// <summary>Pieces of the format that random bytes would hardly hit.</summary>
    IReadOnlyList<string> Dictionary => [];

    /// <summary>Makes it ready.</summary>
    /// <returns>The corpus.</returns>
    Task<IReadOnlyList<Seed>> OpenAsync();

    /// <summary>Runs one case. What is documented is caught; whatever leaves is a finding.</summary>
    /// <param name="seed">What the case was made from.</param>
    /// <param name="bytes">The case.</param>
    /// <returns>Whether it was accepted.</returns>
    Task<bool> RunAsync(Seed seed, byte[] bytes);
}
