namespace Sgl.Fuzz.Internal;

/// <summary>A folder that goes with its owner.</summary>
internal sealed class Scratch : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("sgl-fuzz-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Write(string name, ReadOnlySpan<byte> bytes) => System.IO.File.WriteAllBytes(File(name), bytes);

    /// <summary>Removes what cases left, and links the files of a folder.</summary>
    public void Restore(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(Path))
        {
            System.IO.File.Delete(file);
        }

        foreach (var file in Directory.EnumerateFiles(folder))
        {
            System.IO.File.CreateSymbolicLink(File(System.IO.Path.GetFileName(file)), file);
        }
    }

    /// <summary>Writes a file in place of a link.</summary>
    public void Replace(string name, ReadOnlySpan<byte> bytes)
    {
        System.IO.File.Delete(File(name));
        Write(name, bytes);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
