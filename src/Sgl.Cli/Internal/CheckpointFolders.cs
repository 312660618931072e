namespace Sgl.Cli.Internal;

/// <summary>Where checkpoints are: given, or one of the pairs that come with the repository.</summary>
internal static class CheckpointFolders
{
    private const string DemoSmall = "models/sgl-demo-small";
    private const string DemoLarge = "models/sgl-demo-large";
    private const string DocumentsSmall = "models/sgl-documents-small";
    private const string DocumentsLarge = "models/sgl-documents-large";

    /// <summary>The small model's folder.</summary>
    /// <exception cref="CliException">It does not exist.</exception>
    public static string Small(string? given) => Resolve(given, DemoSmall, "--small");

    /// <summary>The large model's folder.</summary>
    /// <exception cref="CliException">It does not exist.</exception>
    public static string Large(string? given) => Resolve(given, DemoLarge, "--large");

    /// <summary>The small model's folder in the demo, whose pair reads documents.</summary>
    /// <exception cref="CliException">It does not exist.</exception>
    public static string SmallOfDocuments(string? given) => Resolve(given, DocumentsSmall, "--small");

    /// <summary>The large model's folder in the demo.</summary>
    /// <exception cref="CliException">It does not exist.</exception>
    public static string LargeOfDocuments(string? given) => Resolve(given, DocumentsLarge, "--large");

    /// <summary>Whether a folder is one of the pairs that come with the repository.</summary>
    public static bool IsDemo(string folder) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)) is "sgl-demo-small" or "sgl-demo-large" or "sgl-documents-small" or "sgl-documents-large";

    private static string Resolve(string? given, string demo, string option)
    {
        if (given is null)
        {
            return RepositoryFiles.Find(demo, Directory.Exists)
                ?? throw new CliException(
                    $"the demo checkpoint {demo} was not found from here or from the program upwards: it lies in the repository, in the tool package, and in what 'dotnet publish src/Sgl.Cli' makes; give a checkpoint folder with {option}");
        }

        return Directory.Exists(given)
            ? given
            : throw new CliException($"{option}: {(File.Exists(given) ? $"'{given}' is a file, not a checkpoint folder" : $"there is no folder '{given}'")}");
    }
}
