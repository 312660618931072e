using Sgl.Vision;

namespace Sgl.Cli.Internal;

/// <summary>An image file of the command line.</summary>
/// <param name="Path">As given.</param>
/// <param name="Bytes">The encoded bytes.</param>
internal sealed record ImageFile(string Path, byte[] Bytes)
{
    /// <summary>File name without folders.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Reads the file.</summary>
    /// <exception cref="CliException">It cannot be read.</exception>
    public static ImageFile Read(string path)
    {
        if (Directory.Exists(path))
        {
            throw new CliException($"image '{path}': this is a folder; give an image file");
        }

        try
        {
            return new ImageFile(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliException($"image '{path}': there is no such file", innerException: e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"image '{path}' cannot be read: {e.Message}", innerException: e);
        }
    }

    /// <summary>Decodes the pixels.</summary>
    /// <param name="view">How they are seen; null: as by default, upright and on white.</param>
    /// <exception cref="CliException">They cannot be decoded.</exception>
    public RgbImage Decode(ImageDecoderOptions? view = null)
    {
        try
        {
            return new ImageDecoder(view ?? new ImageDecoderOptions()).Decode(Bytes);
        }
        catch (ImageException e)
        {
            throw new CliException($"image '{Path}': {e.Message}", innerException: e);
        }
    }

    /// <summary>Says that of a file with pages only the first is looked at; null where there is nothing to say.</summary>
    public string? PageHint() =>
        new ImageDecoder().ReadHeader(Bytes).PageCount is > 1 and var pages ? $"{Name} has {pages} pages; only the first is looked at" : null;

    /// <summary>As it travels in a request.</summary>
    public Wire.Image ToWire() => new() { Data = Google.Protobuf.ByteString.CopyFrom(Bytes), Name = Name };
}
