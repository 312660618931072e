namespace Sgl.Vision;

/// <summary>An image that cannot be used. The message names no file, path or native library and is safe to show to a client.</summary>
public sealed class ImageException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="reason">What is wrong.</param>
    /// <param name="message">A sentence for the client.</param>
    public ImageException(ImageErrorReason reason, string message)
        : base(message) => Reason = reason;

    /// <summary>Creates the error with its cause, which is for logs only.</summary>
    /// <param name="reason">What is wrong.</param>
    /// <param name="message">A sentence for the client.</param>
    /// <param name="innerException">The cause.</param>
    public ImageException(ImageErrorReason reason, string message, Exception innerException)
        : base(message, innerException) => Reason = reason;

    /// <summary>What is wrong.</summary>
    public ImageErrorReason Reason { get; }
}
